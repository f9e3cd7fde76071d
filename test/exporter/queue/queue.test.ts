import assert from "node:assert/strict";
import { protobufFormat } from "../../../src/exporter/format/protobuf-format.ts";
import { QueuedExporter } from "../../../src/exporter/queue/queued-exporter.ts";
import type { QueuedRequest, Sender, SendOutcome } from "../../../src/exporter/queue/send-outcome.ts";
import { retryOnFailure } from "../../../src/exporter/settings/retry-on-failure.ts";
import { sendingQueue } from "../../../src/exporter/settings/sending-queue.ts";
import { eventually } from "../../support/eventually.ts";
import { makeExporterDeps } from "../../support/exporter-deps.ts";
import { decodeTraceRequest, spansOf } from "../../support/otlp-messages.ts";
import { makeSpans } from "../../support/spans.ts";

/** Answers when the test says so. */
class HeldSender implements Sender<Uint8Array> {
  readonly requests: QueuedRequest<Uint8Array>[] = [];
  #answers: ((outcome: SendOutcome) => void)[] = [];
  #open = false;

  async start(): Promise<void> {}

  send(request: QueuedRequest<Uint8Array>): Promise<SendOutcome> {
    this.requests.push(request);
    if (this.#open) return Promise.resolve(sent);
    return new Promise((resolve) => this.#answers.push(resolve));
  }

  async close(): Promise<void> {}

  letGo(): void {
    this.#open = true;
    for (const answer of this.#answers.splice(0)) answer(sent);
  }
}

const sent: SendOutcome = { kind: "sent", rejectedItems: 0, message: "" };

function make(queue: object) {
  const sender = new HeldSender();
  const exporter = new QueuedExporter({
    id: "test",
    format: protobufFormat,
    sender,
    queue: sendingQueue.parse(queue),
    retry: retryOnFailure.parse({}),
    deps: makeExporterDeps(),
  });
  made.push(exporter);
  return { sender, exporter, account: exporter.account };
}

const made: QueuedExporter<Uint8Array>[] = [];

describe("sending queue", () => {
  afterEach(async () => {
    for (const exporter of made.splice(0)) await exporter.shutdown(0);
  });

  it("sends what is there when flush_timeout has passed", async () => {
    const { sender, exporter } = make({ batch: { flush_timeout: "1ms" } });
    exporter.consume(makeSpans(3));
    exporter.consume(makeSpans(4));
    await eventually(() => sender.requests.length === 1);
    assert.equal(sender.requests[0]?.itemCount, 7);
  });

  it("keeps max_size", () => {
    const { sender, exporter } = make({ batch: { flush_timeout: "1h", min_size: 50, max_size: 60 } });
    for (let i = 0; i < 6; i++) exporter.consume(makeSpans(40));
    exporter.consume(makeSpans(500));
    for (const { itemCount } of sender.requests) assert.ok(itemCount >= 50 && itemCount <= 60);
  });

  it("keeps num_consumers, and sends the oldest first", async () => {
    const { sender, exporter, account } = make({ num_consumers: 2, batch: { flush_timeout: "1h", min_size: 10 } });
    for (let i = 0; i < 5; i++) exporter.consume(makeSpans(10, { name: `batch ${i}` }));
    assert.equal(sender.requests.length, 2);
    assert.equal(exporter.state.inFlightRequests, 2);
    sender.letGo();
    await eventually(() => account.out === 50);
    const names = sender.requests.map(({ body }) => spansOf(decodeTraceRequest(body))[0]?.name);
    assert.deepEqual(names, ["batch 0", "batch 1", "batch 2", "batch 3", "batch 4"]);
  });

  const limits: readonly [limit: string, queue: object, kept: number][] = [
    // One more batch waits outside of the queue until there is room.
    ["requests", { queue_size: 4 }, 500],
    ["items", { queue_size: 450, sizer: "items" }, 450],
    ["requests without a queue", { enabled: false, num_consumers: 2 }, 300],
  ];
  for (const [name, queue, kept] of limits) {
    it(`drops the newest when it is full: ${name}`, async () => {
      const batch = { flush_timeout: "1ms", min_size: 100 };
      const { sender, exporter, account } = make({ num_consumers: 2, batch, ...queue });
      for (let i = 0; i < 20; i++) exporter.consume(makeSpans(50, { name: String(i) }));
      assert.equal(account.held, kept);
      assert.deepEqual(account.lost, new Map([["queue_full", 1_000 - kept]]));
      sender.letGo();
      await eventually(() => account.held === 0);
      assert.equal(account.out, kept);
      const spans = sender.requests.flatMap(({ body }) => spansOf(decodeTraceRequest(body)));
      assert.deepEqual(new Set(spans.map((span) => Number(span.name))), new Set(Array(kept / 50).keys()));
    });
  }

  for (const [name, queue] of [
    ["sizer bytes", { sizer: "bytes", queue_size: 500_000 }],
    ["max_size_bytes", { max_size_bytes: "500kB" }],
  ] as const) {
    it(`is bounded in bytes: ${name}`, () => {
      const { exporter, account } = make({ batch: { flush_timeout: "1h", min_size: 100 }, ...queue });
      for (let i = 0; i < 100; i++) exporter.consume(makeSpans(100));
      assert.ok(exporter.state.queuedBytes >= 500_000);
      assert.ok(exporter.state.queuedBytes < 500_000 + 256 * 600, String(exporter.state.queuedBytes));
      assert.equal(account.in, 10_000);
      assert.equal(account.held + (account.lost.get("queue_full") ?? 0), 10_000);
    });
  }

  it("keeps requests below 4 MiB", () => {
    const { sender, exporter } = make({ num_consumers: 100, batch: { flush_timeout: "1h", min_size: 50_000 } });
    exporter.consume(makeSpans(50_000));
    assert.ok(sender.requests.length > 4);
    for (const { sizeBytes, body } of sender.requests) {
      assert.ok(sizeBytes < 4 * 1_048_576);
      assert.equal(sizeBytes, body.length);
    }
  });
});
