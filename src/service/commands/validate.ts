/** `validate`: says whether the configuration can be used, and starts nothing. */
import type { Command } from "commander";
import { escapeText } from "../../escape.ts";
import { addConfigOptions, type ConfigOptions } from "../command-line/command.ts";
import { loadCommandConfig } from "../command-line/load-command-config.ts";

export function validateCommand(command: Command): void {
  addConfigOptions(command).action((options: ConfigOptions) => {
    const { warnings } = loadCommandConfig(options);
    for (const warning of warnings) process.stderr.write(`warning: ${escapeText(warning)}\n`);
  });
}
