/** docs/ has every key that a configuration may hold; the Collector's shared ones are documented there. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { catalog } from "../../../src/service/catalog.ts";

/** Keys of the Collector that docs/configuration.md names by their section alone. */
const COLLECTORS = /\.(?:tls|compaction|retry_on_failure|sending_queue|metadata\.retry)\./;

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
});
