import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { askMany } from "../support/http-client.ts";
import { sumOf } from "../support/metrics.ts";
import { OtlpHttpCollector } from "../support/otlp-http-collector.ts";
import type { OtlpSpan } from "../support/otlp-messages.ts";
import { Scratch } from "../support/scratch.ts";
import { startNode } from "../support/servers.ts";
import { Sockspan } from "../support/sockspan.ts";

const PATHS_PER_RUN = 40;
const CLIENT = 3;
const SERVER = 2;

describe("a queue on disk", () => {
  let scratch: Scratch;
  let storage: string;
  beforeEach(async () => {
    scratch = await Scratch.create();
    // Nobody but root can reach what is below the scratch folder.
    storage = scratch.path("deep/storage");
  });
  afterEach(() => scratch.cleanUp());

  const start = (port: number) =>
    Sockspan.start(scratch, {
      withoutFile: true,
      extensions: { file_storage: `{ directory: ${storage} }` },
      exporters: {
        otlp_http: `{ endpoint: "http://127.0.0.1:${port}", sending_queue: { storage: file_storage } }`,
      },
    });
  const folder = () => join(storage, "otlp_http.traces.otlp_proto");
  const names = () => readdirSync(folder()).sort();
  const storedSpans = () => names().reduce((sum, name) => sum + Number(/-(\d+)\.request$/.exec(name)?.[1] ?? 0), 0);

  /** Requests whose spans are all on disk. The metrics are not asked: that would be a span, too. */
  async function askWhileDown(port: number, name: string): Promise<string[]> {
    const paths = Array.from({ length: PATHS_PER_RUN }, (_, number) => `/${name}/${number}`);
    const before = storedSpans();
    await askMany(port, paths, 4);
    await eventually(() => storedSpans() === before + 2 * PATHS_PER_RUN);
    return paths;
  }

  const pathsOf = (spans: readonly OtlpSpan[], kind: number) => {
    const texts = spans
      .filter((span) => span.kind === kind)
      .flatMap(({ attributes = [] }) => attributes)
      .filter(({ key }) => key === "url.path" || key === "url.full")
      .map(({ value }) => String(value["stringValue"] ?? ""));
    return texts.map((text) => (text.startsWith("http") ? new URL(text).pathname : text)).sort();
  };

  it("survives SIGTERM and a kill while nobody listens, and is sent by the next start", async function () {
    this.timeout(120_000);
    const node = await startNode(scratch);
    const nobody = await freePort();
    const first = await start(nobody);
    const paths = await askWhileDown(node.port, "terminated");
    first.program.signal("SIGTERM");
    assert.equal(await first.program.end(), 0, first.program.output);
    assert.match(first.program.output, /wait in the storage/);
    assert.equal(storedSpans(), 2 * PATHS_PER_RUN);

    const second = await start(nobody);
    paths.push(...(await askWhileDown(node.port, "killed")));
    second.program.signal("SIGKILL");
    assert.equal(await second.program.end(), "SIGKILL");

    // As a kill in the middle of a write, and a disk that forgets, leave them.
    const [oldest = ""] = names();
    writeFileSync(join(folder(), "0000000000009999-7.part"), "SOCKSPQ1");
    writeFileSync(join(folder(), "0000000000009998-5.request"), "not a request at all, but foreign bytes");
    writeFileSync(join(folder(), "README"), "not ours");

    const collector = scratch.keep(await OtlpHttpCollector.start());
    const third = await start(collector.port);
    await eventually(() => pathsOf(collector.spans, SERVER).length >= 2 * PATHS_PER_RUN);
    assert.deepEqual(pathsOf(collector.spans, SERVER), paths.sort());
    assert.deepEqual(pathsOf(collector.spans, CLIENT), paths);
    await eventually(() => names().join() === "README");
    const metrics = await third.metrics();
    const labels = { stage: "exporter/otlp_http", reason: "storage_damaged" };
    assert.equal(sumOf(metrics, "sockspan_stage_lost_total", labels), 12);
    assert.equal(sumOf(metrics, "otelcol_exporter_queue_size", { exporter: "otlp_http" }), 0);
    assert.match(third.program.output, /0000000000009998-5\.request/);
    assert.match(third.program.output, /README/);
    assert.doesNotMatch(third.program.output, new RegExp(oldest));
    third.program.signal("SIGTERM");
    assert.equal(await third.program.end(), 0);
  });
});
