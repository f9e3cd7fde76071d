/** A checked configuration as data again, with every default: what the program works with. */
import { z } from "zod";
import { COMPONENT_KINDS, type ComponentKind } from "../component-id.ts";
import type { ComponentCatalog } from "../component-type.ts";
import type { ComponentConfig, Config } from "./config.ts";

export function effectiveConfig(config: Config, catalog: ComponentCatalog): Record<string, unknown> {
  const sections = COMPONENT_KINDS.map((kind) => {
    const components = [...config[kind].values()].map((each) => [each.id, settingsOf(kind, each, catalog)]);
    return [kind, Object.fromEntries(components)] as const;
  });
  const pipelines = config.pipelines.map(({ id, receivers, processors, exporters }) => [
    id,
    { receivers, processors, exporters },
  ]);
  const { logs, metrics, resource } = config.telemetry;
  return {
    ...Object.fromEntries(sections),
    service: {
      extensions: config.enabledExtensions,
      pipelines: Object.fromEntries(pipelines),
      telemetry: {
        logs,
        metrics:
          metrics === undefined
            ? { level: "none" }
            : { level: "normal", readers: [{ pull: { exporter: { prometheus: { ...metrics.address } } } }] },
        resource,
      },
    },
  };
}

/** Durations and sizes as they are written; a schema that only reads gives what it read. */
function settingsOf(kind: ComponentKind, { type, settings }: ComponentConfig, catalog: ComponentCatalog): unknown {
  const schema = catalog.find(kind, type)?.schema;
  if (schema === undefined) return settings;
  try {
    return z.encode(schema, settings);
  } catch {
    return settings;
  }
}
