/** The command line: finds the command, loads it alone, and turns errors into exit codes. */
import { Command, CommanderError } from "commander";
import type { CommandEntry } from "./service/command-line/command.ts";
import { ExitCode, exitCodeOf, formatError } from "./service/command-line/exit-code.ts";
import { checkOpenFilesLimit, explainOpenFiles, ownLimits } from "./service/command-line/open-files-limit.ts";
import { watchStandardStreams } from "./service/command-line/standard-streams.ts";
import { UsageError } from "./service/error.ts";
import { packageVersion } from "./service/package-paths.ts";
import { keepNurserySmall } from "./service/v8-settings.ts";

const COMMANDS: readonly CommandEntry[] = [
  {
    name: "run",
    isBroker: true,
    summary: "capture, and export traces",
    load: async () => (await import("./commands/run.ts")).runCommand,
  },
  {
    name: "record",
    isBroker: true,
    summary: "the raw events of this host to a file, for replay",
    load: async () => (await import("./commands/record.ts")).recordCommand,
  },
  {
    name: "profile",
    isBroker: true,
    summary: "stacks of processes, on and off the CPU, to a file for go tool pprof",
    load: async () => (await import("./commands/profile.ts")).profileCommand,
  },
  {
    name: "replay",
    summary: "captures and recordings to spans, without root",
    load: async () => (await import("./service/commands/replay.ts")).replayCommand,
  },
  {
    name: "explain",
    summary: "why each span of a trace has the parent that it has",
    load: async () => (await import("./service/commands/explain.ts")).explainCommand,
  },
  {
    name: "watch",
    summary: "each span of the sockspan that runs here, as it leaves",
    load: async () => (await import("./service/commands/watch.ts")).watchCommand,
  },
  {
    name: "stat",
    summary: "what each service does, and what sockspan loses and costs, by interval",
    load: async () => (await import("./service/commands/stat.ts")).statCommand,
  },
  {
    name: "validate",
    summary: "check a configuration",
    load: async () => (await import("./service/commands/validate.ts")).validateCommand,
  },
  {
    name: "components",
    summary: "list what this build has",
    load: async () => (await import("./service/commands/components.ts")).componentsCommand,
  },
  {
    name: "trident",
    summary: "what the trident bridge makes of a controller's configuration",
    load: async () => (await import("./service/commands/trident.ts")).tridentCommand,
  },
  {
    name: "doctor",
    summary: "whether this host can be captured, and what each lack costs",
    load: async () => (await import("./commands/doctor.ts")).doctorCommand,
  },
  {
    name: "bpf",
    summary: "list, dump, probes, maps, stats: the programs that run in the kernel",
    load: async () => (await import("./commands/bpf.ts")).bpfCommand,
  },
  {
    name: "print-config",
    summary: "print the effective configuration without its secrets",
    load: async () => (await import("./service/commands/print-config.ts")).printConfigCommand,
  },
];

/** The words behind `help`; undefined where no command's help is wanted. */
function helpWords(words: readonly string[]): readonly string[] | undefined {
  const [first, ...rest] = words;
  return first === "help" && rest[0] !== undefined && !rest[0].startsWith("-") ? rest : undefined;
}

/** @throws UsageError: else an unknown command would be answered with the help of all, as if that were right */
function checkHelpWords(program: Command, words: readonly string[]): void {
  let command = program;
  for (const word of words) {
    const found = command.commands.find((each) => each.name() === word);
    if (found === undefined) throw new UsageError(`there is no command "${word}"`, "`sockspan --help` lists them.");
    command = found;
  }
}

async function main(given: readonly string[]): Promise<void> {
  // `help run` is `run --help`: of a command that is not loaded there would be nothing to show.
  const helpOf = helpWords(given);
  const words = helpOf === undefined ? given : [...helpOf, "--help"];
  const program = new Command("sockspan")
    .description("OpenTelemetry traces of a host's programs, from their sockets: no change to the programs")
    .version(packageVersion())
    .exitOverride()
    .showHelpAfterError("(sockspan --help lists the commands)");
  const wanted = words.find((word) => !word.startsWith("-"));
  for (const entry of COMMANDS) {
    const command = program.command(entry.name).summary(entry.summary).description(entry.summary).exitOverride();
    if (entry.name !== wanted) continue;
    // Before the modules are loaded: that alone would make it grow.
    if (entry.isBroker) {
      checkOpenFilesLimit(ownLimits());
      keepNurserySmall();
    }
    (await entry.load())(command);
  }
  if (helpOf !== undefined) checkHelpWords(program, helpOf);
  await program.parseAsync(words, { from: "user" });
}

try {
  watchStandardStreams();
  await main(process.argv.slice(2));
} catch (thrown) {
  const error = explainOpenFiles(thrown);
  if (error instanceof CommanderError) {
    // It has printed its message already; help and version are no errors.
    process.exitCode = error.exitCode === 0 ? ExitCode.fine : ExitCode.wrongUse;
  } else {
    process.stderr.write(formatError(error));
    process.exitCode = exitCodeOf(error);
  }
}
