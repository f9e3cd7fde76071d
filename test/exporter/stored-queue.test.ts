import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { protobufFormat } from "../../src/exporter/protobuf-format.ts";
import { QueuedExporter } from "../../src/exporter/queued-exporter.ts";
import type { QueuedRequest, Sender, SendOutcome } from "../../src/exporter/send-outcome.ts";
import { retryOnFailure } from "../../src/exporter/settings/retry-on-failure.ts";
import { storedQueue } from "../../src/exporter/settings/sending-queue.ts";
import { DiskQueue } from "../../src/exporter/storage/disk-queue.ts";
import { eventually } from "../support/eventually.ts";
import { makeExporterDeps, type TestDeps } from "../support/exporter-deps.ts";
import { decodeTraceRequest, spansOf } from "../support/otlp-messages.ts";
import { Scratch } from "../support/scratch.ts";
import { makeSpans } from "../support/spans.ts";

/** Is down, up, or takes no request of more than one span. */
class FakeSender implements Sender<Uint8Array> {
  readonly names: string[] = [];
  state: "down" | "up" | "small";

  constructor(state: "down" | "up" | "small") {
    this.state = state;
  }

  async start(): Promise<void> {}

  async send({ body, itemCount }: QueuedRequest<Uint8Array>): Promise<SendOutcome> {
    if (this.state === "down") return { kind: "retry", reason: "nobody listens", serverDelayMs: undefined };
    if (this.state === "small" && itemCount > 1) return { kind: "too_large", reason: "too large" };
    this.names.push(...spansOf(decodeTraceRequest(body)).map(({ name }) => name ?? ""));
    return { kind: "sent", rejectedItems: 0, message: "" };
  }

  async close(): Promise<void> {}
}

describe("queue on disk", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  function run(state: "down" | "up" | "small", queue: object = {}) {
    const sender = new FakeSender(state);
    const deps: TestDeps = makeExporterDeps();
    const store = new DiskQueue({ folder: scratch.folder, format: "proto", fsync: false, log: deps.log });
    const exporter = new QueuedExporter({
      id: "test",
      format: protobufFormat,
      sender,
      queue: storedQueue.parse({ batch: { flush_timeout: "1h", min_size: 10 }, ...queue }),
      retry: retryOnFailure.parse({ initial_interval: "10ms", max_interval: "10ms" }),
      store,
      deps,
    });
    return { sender, exporter, account: exporter.account, log: deps.log };
  }
  const fill = (exporter: QueuedExporter<Uint8Array>, batches: number) => {
    for (let number = 0; number < batches; number++) exporter.consume(makeSpans(10, { name: `batch ${number}` }));
  };
  const names = (batches: number) =>
    Array.from({ length: batches }, (_, number) => Array(10).fill(`batch ${number}`) as string[]).flat();

  it("leaves for the next run what could not be sent, and that sends it in order", async () => {
    const first = run("down", { num_consumers: 2 });
    fill(first.exporter, 20);
    assert.equal(first.account.held, 200);
    await first.exporter.shutdown(20);
    assert.deepEqual([first.account.consumed.get("stored"), first.account.held], [200, 0]);
    assert.deepEqual(first.account.lost, new Map());

    const second = run("up", { num_consumers: 1 });
    assert.equal(second.account.held, 200);
    await second.exporter.start();
    await eventually(() => second.account.out === 200);
    assert.deepEqual(second.sender.names, names(20));
    await second.exporter.shutdown(1000);
    assert.equal(run("up").account.in, 0);
  });

  it("loses nothing that was accepted when it is killed", async () => {
    const killed = run("down");
    fill(killed.exporter, 30);
    const second = run("up", { num_consumers: 1 });
    await second.exporter.start();
    await eventually(() => second.account.out === 300);
    assert.deepEqual(second.sender.names, names(30));
    await second.exporter.shutdown(1000);
    await killed.exporter.shutdown(0);
  });

  it("drops the newest when it is full, those of earlier runs counted in", async () => {
    const first = run("down", { queue_size: 5, num_consumers: 1 });
    fill(first.exporter, 5);
    await first.exporter.shutdown(0);
    const second = run("down", { queue_size: 8, num_consumers: 1 });
    fill(second.exporter, 20);
    // Three that have room in the queue, and one batch that stays open.
    assert.deepEqual([second.account.held, second.account.lost.get("queue_full")], [90, 160]);
    await second.exporter.shutdown(0);
  });

  it("cuts a stored request that is too large for the server", async () => {
    const first = run("down");
    fill(first.exporter, 1);
    await first.exporter.shutdown(0);
    const second = run("small");
    await second.exporter.start();
    await eventually(() => second.account.out === 10);
    assert.deepEqual(second.sender.names, names(1));
    await second.exporter.shutdown(1000);
  });

  it("counts what is damaged, and sends the rest", async () => {
    const first = run("down");
    fill(first.exporter, 3);
    await first.exporter.shutdown(0);
    const path = scratch.path("00000001.queue");
    const bytes = readFileSync(path);
    bytes[bytes.indexOf("batch 1")]! ^= 1;
    writeFileSync(path, bytes);
    const second = run("up", { num_consumers: 1 });
    await second.exporter.start();
    await eventually(() => second.account.out === 20);
    assert.deepEqual(second.sender.names, [...names(3).slice(0, 10), ...names(3).slice(20)]);
    assert.deepEqual([second.account.lost, second.account.held], [new Map([["storage_damaged", 10]]), 0]);
    await second.exporter.shutdown(1000);
  });
});
