/** docs/ has every key that a configuration may hold; the Collector's shared ones are documented there. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { catalog } from "../../../src/service/catalog.ts";
import { effectiveConfig } from "../../../src/service/config/effective.ts";
import { type LoadedConfig, loadConfig } from "../../../src/service/config/load.ts";

/** Keys of the Collector that docs/configuration.md names by their section alone. */
const COLLECTORS = /\.(?:tls|compaction|retry_on_failure|sending_queue|metadata\.retry)\./;

const MINIMAL = `
receivers: { socket_trace: }
exporters: { debug: }
service: { pipelines: { traces: { receivers: [socket_trace], exporters: [debug] } } }`;

type Schema = { readonly _zod: { readonly def: object } };

function* keysOf(schema: Schema, path: string): Generator<string> {
  const { shape, innerType, element, in: input, out, valueType, options } = schema._zod.def as Record<string, unknown>;
  for (const [key, inner] of Object.entries((shape ?? {}) as Record<string, Schema>)) {
    yield `${path}.${key}`;
    yield* keysOf(inner, `${path}.${key}`);
  }
  const inner = [innerType, element, input, out, valueType, ...((options ?? []) as unknown[])];
  for (const each of inner) if (each !== undefined) yield* keysOf(each as Schema, path);
}

describe("the documentation of the configuration", () => {
  it("names every key of every component", () => {
    const pages = readdirSync("docs").filter((name) => name.endsWith(".md"));
    const words = new Set(pages.flatMap((name) => readFileSync(`docs/${name}`, "utf8").match(/\w+/g) ?? []));
    const keys = catalog.types.flatMap(({ kind, type, schema }) => [...keysOf(schema, `${kind}.${type}`)]);
    assert.ok(keys.includes("receivers.socket_trace.io_events.as"));
    const missing = keys.filter((key) => !COLLECTORS.test(key) && !words.has(key.slice(key.lastIndexOf(".") + 1)));
    assert.deepEqual(missing, []);
  });

  it("gives the receivers' defaults as they are", () => {
    const page = readFileSync("docs/configuration.md", "utf8");
    for (const type of ["socket_trace", "profile"]) {
      const section = page.split(`\n### ${type}\n`)[1]?.split("\n##")[0] ?? "";
      const { receivers } = effectiveConfig(loaded(`{ receivers: { ${type}: } }`).config, catalog);
      const settings = (receivers as Record<string, Tree>)[type]!;
      const rows = [...section.matchAll(/^\| (`.*?`) \| (`[^|]*`) \|/gm)];
      assert.ok(rows.length > 5, type);
      for (const [, keys = "", shown = ""] of rows) {
        const written = parse(`[${shown.replaceAll("`", "")}]`).flat();
        for (const [, key = ""] of keys.matchAll(/`([\w.]+)`/g)) {
          const value = key.split(".").reduce<unknown>((tree, name) => (tree as Tree)[name], settings);
          assert.deepEqual([value].flat(), written.map(inBytes), `${type}: ${key}`);
        }
      }
    }
  });

  it("has every key of the default configuration in otel-config.yaml, with its default", () => {
    const text = readFileSync("otel-config.yaml", "utf8");
    const uncommented = text.replace(/^( +)# (?=[a-z_]+: )/gm, "$1").replaceAll("16MiB", `${2 ** 24}`);
    const [plain, full] = [loaded(text), loaded(uncommented)];
    assert.deepEqual(effectiveConfig(full.config, catalog), effectiveConfig(plain.config, catalog));
    const written = parse(uncommented);
    for (const kind of ["receivers", "processors", "exporters", "extensions", "service"]) {
      const effective = effectiveConfig(plain.config, catalog)[kind] as Tree;
      assert.deepEqual(pathsOf(effective, kind).sort(), pathsOf(written[kind], kind).sort());
    }
  });
});

type Tree = { readonly [key: string]: unknown };

function loaded(yaml: string): LoadedConfig {
  const readFile = (path: string) => (path === "shown" ? yaml : MINIMAL);
  const locations = /pipelines/.test(yaml) ? ["shown"] : ["minimal", "shown"];
  return loadConfig({ locations, settings: [], defaultLocation: "", environment: {}, readFile, catalog });
}

/** As print-config has them. */
function inBytes(value: unknown): unknown {
  const mebibytes = /^(\d+)MiB$/.exec(String(value))?.[1];
  return mebibytes === undefined ? value : Number(mebibytes) * 2 ** 20;
}

function pathsOf(tree: unknown, path: string): string[] {
  if (typeof tree !== "object" || tree === null || Array.isArray(tree) || Object.keys(tree).length === 0) return [path];
  return Object.entries(tree).flatMap(([key, value]) => pathsOf(value, `${path}.${key}`));
}
