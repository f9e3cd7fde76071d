import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { textOf } from "../../support/count-spans.ts";
import { spansOfPort } from "../../support/expect-spans.ts";
import { KafkaServer, kafkaLibrary } from "../../support/kafka.ts";
import { Scratch } from "../../support/scratch.ts";
import { skip } from "../../support/skip.ts";
import { Sockspan } from "../../support/sockspan.ts";
import { SERVER, type TestSpan } from "../../support/trace-file.ts";

const MESSAGES = 2000;

/** Of each API as the broker has served it. */
function served(spans: readonly TestSpan[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const span of spans) {
    if (span.kind !== SERVER) continue;
    const api = textOf(span, "sockspan.kafka.api");
    found.set(api, (found.get(api) ?? 0) + 1);
  }
  return found;
}

function messages(spans: readonly TestSpan[], operation: string, isServer: boolean): number {
  return spans
    .filter((span) => textOf(span, "messaging.operation.name") === operation && (span.kind === SERVER) === isServer)
    .reduce((sum, span) => sum + Number(span.attributes.get("messaging.batch.message_count") ?? 0), 0);
}

describe("Kafka, driven by its own load tools", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("counts requests as the broker's request log does, and messages as its offsets do", async function () {
    this.timeout(180_000);
    const library = kafkaLibrary();
    if ("missing" in library) skip(this, library.missing);
    const kafka = await KafkaServer.start(scratch, library.folder);
    const before = kafka.answered();
    const sockspan = await Sockspan.start(scratch);
    const at = ["--bootstrap-server", kafka.address];
    // Batches that are short enough to be seen whole: of longer ones with several partitions the count is not told.
    const consumer = scratch.path("consumer.properties");
    await writeFile(consumer, "max.partition.fetch.bytes=8192\nfetch.max.bytes=12000\n");
    await kafka.tool("TopicCommand", ...at, "--create", "--topic", "orders", "--partitions", "3");
    for (const acks of ["1", "0"]) {
      await kafka.tool(
        "ProducerPerformance",
        ...["--topic", "orders", "--num-records", `${MESSAGES}`, "--record-size", "100", "--throughput", "-1"],
        ...["--producer-props", `bootstrap.servers=${kafka.address}`, `acks=${acks}`],
        ...["enable.idempotence=false", "batch.size=2000"],
      );
    }
    await kafka.tool(
      "ConsumerPerformance",
      ...[
        ...at,
        "--topic",
        "orders",
        "--messages",
        `${2 * MESSAGES}`,
        "--group",
        "shop",
        "--consumer.config",
        consumer,
      ],
    );
    const offsets = await kafka.tool("GetOffsetShell", ...at, "--topic", "orders");
    const spans = spansOfPort(await sockspan.stopAndRead(), kafka.port);

    const written = [...offsets.matchAll(/^orders:\d+:(\d+)$/gm)].reduce((sum, [, offset]) => sum + Number(offset), 0);
    assert.equal(written, 2 * MESSAGES);
    for (const isServer of [false, true]) assert.equal(messages(spans, "send", isServer), written, "sent");
    // The broker sends records from its files with sendfile: only who receives them has bytes to count.
    assert.equal(messages(spans, "poll", false), written, "fetched");
    const answered = kafka.answered();
    for (const [api, count] of before) answered.set(api, (answered.get(api) ?? 0) - count);
    // What the broker has served, and what it has written down, without what it is still waiting for.
    assert.deepEqual(sorted(served(spans)), sorted(answered));
    const topics = spans.filter((span) => textOf(span, "messaging.operation.name") === "send");
    assert.deepEqual(new Set(topics.map(({ name }) => name)), new Set(["send orders"]));
  });
});

function sorted(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].filter(([, count]) => count > 0).sort(([a], [b]) => a.localeCompare(b));
}
