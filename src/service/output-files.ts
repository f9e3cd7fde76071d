/** The files that a configuration writes by name: a reload of the same run goes on with them. */
import { socketTraceOf } from "./captures-of.ts";
import type { Config } from "./config/config.ts";

export function outputFilesOf(config: Config): readonly string[] {
  const exported = [...config.exporters.values()]
    .filter(({ type }) => type === "file")
    .map(({ settings }) => (settings as { readonly path: string }).path);
  const recorded = socketTraceOf(config)?.record_to;
  return recorded === undefined ? exported : [...exported, recorded];
}
