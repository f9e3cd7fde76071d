/** Prints `NAME=yes` for each program that the hook sets and the profiler need. Arguments: sets for sends, sets for receives (`bc abc`). */
import type { HookSet } from "../../src/bpf/feature.ts";
import { IO_PROGRAMS, programsOf, WAKE_PROGRAM } from "../../src/broker/hook-programs.ts";

const [sends = "", receives = ""] = process.argv.slice(2);
const names = new Set<string>([...IO_PROGRAMS, WAKE_PROGRAM]);
for (const send of sends) {
  for (const receive of receives) {
    for (const name of programsOf(send as HookSet, receive as HookSet)) names.add(name);
  }
}
process.stdout.write([...names].map((name) => `${name}=yes`).join(" "));
