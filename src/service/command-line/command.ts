/** What a sub-command is to main: its place in the help, and a module that is loaded when it is asked for. */
import type { Command } from "commander";

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Others do the work: this process starts them, and stays. */
  readonly isBroker?: true;
  /** Adds arguments, options and the action. */
  readonly load: () => Promise<(command: Command) => void>;
}

/** `--config` and `--set`, as often as needed. */
export interface ConfigOptions {
  readonly config: readonly string[];
  readonly set: readonly string[];
}

export function addConfigOptions(command: Command): Command {
  return command
    .option("--config <location>", "a file, file:PATH, env:NAME or yaml:TEXT; several merge", collect, [])
    .option("--set <key=value>", "one value over the configuration: a.b.c=value", collect, []);
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
