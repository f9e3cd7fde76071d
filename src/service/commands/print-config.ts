/** `print-config`: the configuration after merging, variables and defaults, without its secrets. */
import type { Command } from "commander";
import { stringify } from "yaml";
import { catalog } from "../catalog.ts";
import { addConfigOptions, type ConfigOptions } from "../command-line/command.ts";
import { loadCommandConfig } from "../command-line/load-command-config.ts";
import { effectiveConfig } from "../config/effective.ts";
import { redact } from "../config/redact.ts";

export function printConfigCommand(command: Command): void {
  addConfigOptions(command).action((options: ConfigOptions) => {
    const { config } = loadCommandConfig(options);
    process.stdout.write(stringify(redact(effectiveConfig(config, catalog))));
  });
}
