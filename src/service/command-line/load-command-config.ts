/** The configuration as a command's options name it. */
import { readFileSync } from "node:fs";
import { catalog } from "../catalog.ts";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { defaultConfigPath } from "../package-paths.ts";
import type { ConfigOptions } from "./command.ts";

/** @throws ConfigInvalidError, EnvironmentInvalidError */
export function loadCommandConfig({ config, set }: ConfigOptions): LoadedConfig {
  return loadConfig({
    locations: config,
    settings: set,
    defaultLocation: defaultConfigPath,
    environment: process.env,
    readFile: (path) => readFileSync(path, "utf8"),
    catalog,
  });
}
