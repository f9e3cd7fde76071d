/**
 * Prints `NAME=yes` for each program that the hook sets and the profiler need, and what trace_conf must say for all of
 * their code to be looked at. Arguments: sets for sends, sets for receives, set for AF_UNIX (`bc abc a`; -: none).
 */
import type { HookSet } from "../../src/bpf/feature.ts";
import { IO_PROGRAMS, programsOf, UNIX_PROGRAMS, WAKE_PROGRAM } from "../../src/broker/capture/hook-programs.ts";

const [sends = "", receives = "", unix = "-"] = process.argv.slice(2);
const names = new Set<string>([...IO_PROGRAMS, WAKE_PROGRAM]);
for (const send of sends) {
  for (const receive of receives) {
    for (const name of programsOf(send as HookSet, receive as HookSet)) names.add(name);
  }
}
const words: string[] = [];
if (unix === "a" || unix === "b") {
  for (const name of UNIX_PROGRAMS[unix]) names.add(name);
  words.push("trace_conf.unix_sockets=1", "trace_conf.socket_storage=1");
}
words.push(...[...names].map((name) => `${name}=yes`));
process.stdout.write(words.join(" "));
