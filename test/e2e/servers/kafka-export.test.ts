import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { askMany } from "../../support/http-client.ts";
import { KafkaServer, kafkaLibrary } from "../../support/kafka.ts";
import { type OtlpTraceRequest, spansOf } from "../../support/otlp-messages.ts";
import { Scratch } from "../../support/scratch.ts";
import { startNode } from "../../support/servers.ts";
import { skip } from "../../support/skip.ts";
import { Sockspan } from "../../support/sockspan.ts";

const REQUESTS = 30;
const SERVER = 2;

describe("the kafka exporter", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("brings to Kafka what was made while it was down and sockspan was killed", async function () {
    this.timeout(180_000);
    const library = kafkaLibrary();
    if ("missing" in library) skip(this, library.missing);
    const node = await startNode(scratch);
    const port = await freePort();
    const storage = scratch.path("storage");
    const start = () =>
      Sockspan.start(scratch, {
        withoutFile: true,
        extensions: { file_storage: `{ directory: ${storage} }` },
        exporters: {
          kafka: `{ brokers: ["127.0.0.1:${port}"], encoding: otlp_json, partition_traces_by_id: true, sending_queue: { storage: file_storage } }`,
        },
      });
    const queue = join(storage, "kafka.traces.otlp_json");
    const stored = () =>
      readdirSync(queue).reduce((sum, name) => sum + Number(/-(\d+)\.request$/.exec(name)?.[1] ?? 0), 0);
    const paths = (name: string) => Array.from({ length: REQUESTS }, (_, number) => `/${name}/${number}`);

    const first = await start();
    await askMany(node.port, paths("down"), 4);
    await eventually(() => stored() >= 2 * REQUESTS);
    first.program.signal("SIGKILL");
    await first.program.end();

    const kafka = await KafkaServer.start(scratch, library.folder, { port });
    const second = await start();
    await eventually(() => readdirSync(queue).length === 0);
    await askMany(node.port, paths("up"), 4);
    second.program.signal("SIGTERM");
    assert.equal(await second.program.end(), 0, second.program.output);

    const offsets = await kafka.tool("GetOffsetShell", "--bootstrap-server", kafka.address, "--topic", "otlp_spans");
    const count = Number(/^otlp_spans:0:(\d+)$/m.exec(offsets)?.[1]);
    const output = await kafka.tool(
      "consumer.ConsoleConsumer",
      ...["--bootstrap-server", kafka.address, "--topic", "otlp_spans", "--from-beginning"],
      ...["--max-messages", `${count}`, "--timeout-ms", "20000", "--property", "print.key=true"],
    );
    const messages = output.split("\n").flatMap((line) => {
      const [, key = "", json] = /^([0-9a-f]{32})\t(\{.*)$/.exec(line) ?? [];
      return json === undefined ? [] : [{ key, spans: spansOf(JSON.parse(json) as OtlpTraceRequest) }];
    });
    assert.equal(messages.length, count);
    for (const { key, spans } of messages)
      assert.deepEqual(new Set(spans.map(({ traceId }) => traceId)), new Set([key]));
    const seen = messages
      .flatMap(({ spans }) => spans)
      .filter(({ kind }) => kind === SERVER)
      .flatMap(({ attributes = [] }) => attributes.filter(({ key }) => key === "url.path"))
      .map(({ value }) => String(value["stringValue"]));
    assert.deepEqual(seen.sort(), [...paths("down"), ...paths("up")].sort());
    // The broker's end of the export is nobody's request.
    const names = messages.flatMap(({ spans }) => spans.map(({ name = "" }) => name));
    assert.deepEqual(
      names.filter((name) => name.includes("otlp_spans")),
      [],
    );
  });
});
