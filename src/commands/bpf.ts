/** `bpf`: what runs in the kernel, for people who want to see it first. */
import { type Command, Option } from "commander";
import { availableProbes } from "../broker/doctor.ts";
import { type ListedProgram, readListings } from "../service/command-line/bpf-listing.ts";
import { table } from "../service/command-line/table.ts";
import { nearest } from "../service/config/suggest.ts";
import { UsageError } from "../service/error.ts";
import { bpfFolder } from "../service/package-paths.ts";
import { bpfMaps } from "./bpf-maps.ts";
import { bpfStats } from "./bpf-stats.ts";

export function bpfCommand(command: Command): void {
  command.command("list").description("every program, where it attaches, how long it is").action(list);
  command
    .command("dump")
    .description("the instructions of a program")
    .argument("<program>", "a name of `bpf list`")
    .action(dump);
  command
    .command("probes")
    .description("what this kernel would let attach, by hook set")
    .action(() => {
      const rows = availableProbes().map(({ sets, program, isAvailable }) => [
        program,
        sets,
        isAvailable ? "yes" : "no",
      ]);
      process.stdout.write(table([["PROGRAM", "HOOK SET", "AVAILABLE"], ...rows]));
    });
  command
    .command("maps")
    .description("what the sockspan that runs here keeps in the kernel; else the maps as they are defined")
    .addOption(formatOption())
    .action(bpfMaps);
  command
    .command("stats")
    .description("how often the programs of the sockspan that runs here run, and for how long (as root)")
    .option("--duration <time>", "count for so long: 500ms, 10s", "1s")
    .addOption(formatOption())
    .action(bpfStats);
}

function formatOption(): Option {
  return new Option("--format <format>", "of the output").choices(["text", "json"]).default("text");
}

function list(): void {
  const rows = readListings(bpfFolder).map(({ object, program, section, instructions }) => [
    object,
    program,
    section,
    String(instructions),
  ]);
  process.stdout.write(table([["OBJECT", "PROGRAM", "SECTION", "INSTRUCTIONS"], ...rows]));
}

function dump(name: string): void {
  const programs = readListings(bpfFolder);
  const found = programs.find(({ program }) => program === name);
  if (found === undefined) throw unknownProgram(name, programs);
  process.stdout.write(`${found.section}\n${found.text.join("\n")}\n`);
}

function unknownProgram(name: string, programs: readonly ListedProgram[]): UsageError {
  const near = nearest(
    name,
    programs.map(({ program }) => program),
  );
  const hint = near === undefined ? "" : `, did you mean "${near}"?`;
  return new UsageError(`there is no program "${name}"${hint}`, "`sockspan bpf list` lists all.");
}
