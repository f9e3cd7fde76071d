/** `components`: what this build has, as the Collector prints it. */
import type { Command } from "commander";
import { stringify } from "yaml";
import { catalog } from "../catalog.ts";
import { COMPONENT_KINDS } from "../component-id.ts";
import { packageVersion } from "../package-paths.ts";

export function componentsCommand(command: Command): void {
  command.action(() => {
    const sections = COMPONENT_KINDS.map((kind) => [
      kind,
      catalog.types
        .filter((each) => each.kind === kind)
        .map(({ type, aliases, signals, stability }) => ({
          name: type,
          ...(aliases.length === 0 ? {} : { deprecated_aliases: aliases }),
          stability:
            signals.length === 0
              ? { extension: stability }
              : Object.fromEntries(signals.map((each) => [each, stability])),
        })),
    ]);
    const buildinfo = {
      command: "sockspan",
      description: "OpenTelemetry traces from sockets",
      version: packageVersion(),
    };
    process.stdout.write(stringify({ buildinfo, ...Object.fromEntries(sections) }));
  });
}
