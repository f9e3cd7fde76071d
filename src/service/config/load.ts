/** From the command line's words to a checked Config. */
import { escapeText } from "../../escape.ts";
import type { ComponentCatalog } from "../component-type.ts";
import type { Config } from "./config.ts";
import { type EnvironmentExporter, exporterOfEnvironment } from "./environment.ts";
import { type Expansion, expand, type Variables } from "./expand.ts";
import { childAt, fromPlain, type Located, merge, nest, type Position } from "./located.ts";
import { ConfigInvalidError, formatPath, type Problem } from "./problem.ts";
import { readLocation, readSetting } from "./provider.ts";
import { validate } from "./validate.ts";

interface LoadOptions {
  /** `--config`, in order; empty: the default configuration. */
  readonly locations: readonly string[];
  /** `--set`, in order. */
  readonly settings: readonly string[];
  /** The configuration that is taken where none is named. */
  readonly defaultLocation: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Throws where the file can't be read. */
  readonly readFile: (path: string) => string;
  readonly catalog: ComponentCatalog;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly warnings: readonly string[];
}

/** @throws ConfigInvalidError with every problem, EnvironmentInvalidError */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const problems: Problem[] = [];
  const variables: Variables = { env: (name) => options.environment[name], file: options.readFile };
  const isDefault = options.locations.length === 0;
  const locations = isDefault ? [options.defaultLocation] : options.locations;
  const layers = locations.map((location) => readLocation(location, variables, problems));
  const settings = options.settings.map((each) => readSetting(each, problems));
  if (problems.length > 0) throw new ConfigInvalidError(problems);
  let merged = mergeAll(layers);
  const exporter = isDefault ? exporterOfEnvironment(options.environment) : undefined;
  if (exporter !== undefined) merged = merge(merged, exporterLayer(merged, exporter));
  const expansion = expand(mergeAll([merged, ...settings]), variables);
  const { config, problems: found, warnings } = validate(expansion.tree, options.catalog);
  const all = [...expansion.problems, ...found.map((problem) => withUnset(problem, expansion.unset))];
  if (config === undefined || all.length > 0) throw new ConfigInvalidError(all);
  const unset = [...expansion.unset.keys()].map(
    (name) => `\${env:${escapeText(name)}} is not set and has no default: empty`,
  );
  return { config, warnings: [...unset, ...warnings] };
}

/** What is wrong with a value may be that it is empty. */
function withUnset(problem: Problem, unset: Expansion["unset"]): Problem {
  const place = formatPath(problem.path);
  const names = [...unset]
    .filter(([, paths]) => paths.some((path) => formatPath(path) === place))
    .map(([name]) => name);
  if (names.length === 0) return problem;
  return { ...problem, message: `${problem.message}, since \${env:${names[0]}} is not set` };
}

function mergeAll(layers: readonly (Located | undefined)[]): Located {
  const position: Position = { source: "configuration", line: undefined, column: undefined };
  const empty: Located = { kind: "map", entries: new Map(), position };
  return layers.reduce<Located>((under, over) => (over === undefined ? under : merge(under, over)), empty);
}

/** The exporter, and its id at the end of each pipeline of traces: lists are replaced when layers merge. */
function exporterLayer(under: Located, { type, settings }: EnvironmentExporter): Located {
  const position: Position = { source: "environment OTEL_EXPORTER_OTLP_*", line: undefined, column: undefined };
  const id = `${type}/environment`;
  let layer = nest(["exporters", id], fromPlain(literal(settings), position), position);
  const pipelines = childAt(under, ["service", "pipelines"]);
  const ids = pipelines?.kind === "map" ? [...pipelines.entries.keys()] : [];
  for (const pipeline of ids.filter((each) => each.split("/")[0] === "traces")) {
    const path = ["service", "pipelines", pipeline, "exporters"];
    const existing = childAt(under, path);
    const items = [...(existing?.kind === "list" ? existing.items : []), fromPlain(id, position)];
    layer = merge(layer, nest(path, { kind: "list", items, position }, position));
  }
  return layer;
}

/** The environment's values are no templates: a dollar sign is one. */
function literal(value: unknown): unknown {
  if (typeof value === "string") return value.replaceAll("$", "$$$$");
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, literal(item)]));
}
