import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spanListFormat } from "../../../src/exporter/format/list-format.ts";
import { protobufFormat } from "../../../src/exporter/format/protobuf-format.ts";
import type { RequestFormat } from "../../../src/exporter/format/request-format.ts";
import { QueuedExporter } from "../../../src/exporter/queue/queued-exporter.ts";
import type { QueuedRequest, Sender, SendOutcome } from "../../../src/exporter/queue/send-outcome.ts";
import { retryOnFailure } from "../../../src/exporter/settings/retry-on-failure.ts";
import { sendingQueue } from "../../../src/exporter/settings/sending-queue.ts";
import { FileStorage } from "../../../src/extension/file-storage/file-storage.ts";
import { fileStorageSettings } from "../../../src/extension/file-storage/settings.ts";
import type { Span } from "../../../src/mapping/span.ts";
import type { RequestStorage } from "../../../src/storage/request-store.ts";
import { eventually } from "../../support/eventually.ts";
import { makeExporterDeps, type TestDeps } from "../../support/exporter-deps.ts";
import { decodeTraceRequest, spansOf } from "../../support/otlp-messages.ts";
import { makeSpans } from "../../support/spans.ts";

const sent: SendOutcome = { kind: "sent", rejectedItems: 0, message: "" };
const down: SendOutcome = { kind: "retry", reason: "nobody listens", serverDelayMs: undefined };

class ToldSender<Body> implements Sender<Body> {
  readonly requests: QueuedRequest<Body>[] = [];
  outcome: (request: QueuedRequest<Body>) => SendOutcome | Promise<SendOutcome> = () => down;

  async start(): Promise<void> {}

  async send(request: QueuedRequest<Body>): Promise<SendOutcome> {
    this.requests.push(request);
    return this.outcome(request);
  }

  async close(): Promise<void> {}
}

describe("a sending queue in a storage", () => {
  let directory: string;
  let deps: TestDeps;
  const made: { shutdown(deadlineMs: number): Promise<void> }[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "disk-queue-"));
    deps = makeExporterDeps();
  });
  afterEach(async () => {
    for (const exporter of made.splice(0)) await exporter.shutdown(0);
    rmSync(directory, { recursive: true });
  });

  const storage = (): RequestStorage =>
    new FileStorage("file_storage", {
      settings: fileStorageSettings.parse({ directory }),
      owner: undefined,
      log: deps.log,
    });

  async function start<Body>(
    format: RequestFormat<Body>,
    outcome: ToldSender<Body>["outcome"] = () => down,
    queue: object = {},
    from: RequestStorage = storage(),
  ) {
    const sender = new ToldSender<Body>();
    sender.outcome = outcome;
    const batch = { flush_timeout: "1ms", min_size: 10 };
    const exporter = new QueuedExporter<Body>({
      id: "test",
      format,
      sender,
      queue: sendingQueue.parse({ num_consumers: 2, storage: "file_storage", batch, ...queue }),
      retry: retryOnFailure.parse({ initial_interval: "1h", max_interval: "1h", max_elapsed_time: "0s" }),
      deps: { ...deps, storage: () => from },
    });
    made.push(exporter);
    await exporter.start();
    return { sender, exporter, account: exporter.account };
  }

  const end = async () => {
    for (const exporter of made.splice(0)) await exporter.shutdown(5_000);
  };
  const files = (form = "otlp_proto") => readdirSync(join(directory, `test.traces.${form}`)).sort();
  const namesOf = (requests: readonly QueuedRequest<Uint8Array>[]) =>
    requests.flatMap(({ body }) => spansOf(decodeTraceRequest(body)).map(({ name }) => name));

  it("has each request on disk before it is sent, and none that was sent", async () => {
    let seen: readonly string[] = [];
    const { exporter, account } = await start(protobufFormat, () => {
      seen = files();
      return sent;
    });
    exporter.consume(makeSpans(10));
    await eventually(() => account.out === 10);
    assert.deepEqual(seen, ["0000000000000001-10.request"]);
    await end();
    assert.deepEqual(files(), []);
  });

  it("keeps what can't be sent for the next process, which sends it once and in order", async () => {
    const first = await start(protobufFormat);
    for (let i = 0; i < 5; i++) first.exporter.consume(makeSpans(10, { name: `batch ${i}` }));
    await eventually(() => files().length === 5);
    await end();
    assert.deepEqual([first.account.consumed, first.account.held], [new Map([["stored", 50]]), 0]);
    assert.deepEqual(first.account.lost, new Map());
    const waits = deps.log.records.find(({ message }) => message.includes("wait in the storage"));
    assert.deepEqual(waits?.fields, { spans: 50 });

    const second = await start(protobufFormat, () => sent, { num_consumers: 1 });
    await eventually(() => second.account.out === 50);
    assert.equal(second.account.in, 50);
    const batches = Array.from({ length: 5 }, (_, i) => Array<string>(10).fill(`batch ${i}`)).flat();
    assert.deepEqual(namesOf(second.sender.requests), batches);
    await end();
    const third = await start(protobufFormat, () => sent);
    assert.equal(third.account.in, 0);
  });

  it("puts what is not yet a batch there too", async () => {
    const first = await start(protobufFormat, () => down, { batch: { flush_timeout: "1h", min_size: 1_000 } });
    first.exporter.consume(makeSpans(3));
    assert.deepEqual(files(), []);
    await end();
    assert.deepEqual(files(), ["0000000000000001-3.request"]);
  });

  it("does not wait for a server that is down when it ends", async () => {
    const first = await start(protobufFormat, () => down, { num_consumers: 1 });
    for (let i = 0; i < 5; i++) first.exporter.consume(makeSpans(10));
    await eventually(() => files().length === 5);
    const calls = first.sender.requests.length;
    await end();
    assert.ok(first.sender.requests.length <= calls + 1, "one last attempt tells that nobody listens");
  });

  it("does not wait for a server that says nothing when it ends, where others have failed before", async () => {
    let calls = 0;
    const hang = () => new Promise<SendOutcome>(() => {});
    const { exporter, account } = await start(protobufFormat, () => (calls++ === 0 ? down : hang()));
    for (let i = 0; i < 2; i++) exporter.consume(makeSpans(10));
    await eventually(() => calls === 2);
    await exporter.shutdown(3_600_000);
    made.length = 0;
    assert.deepEqual([account.consumed, account.held], [new Map([["stored", 20]]), 0]);
  });

  it("keeps what is under way when the time is up", async () => {
    const { exporter, account } = await start(protobufFormat, () => new Promise<SendOutcome>(() => {}));
    exporter.consume(makeSpans(10));
    await eventually(() => exporter.state.inFlightRequests === 1);
    await exporter.shutdown(1);
    made.length = 0;
    assert.deepEqual([account.consumed, account.held], [new Map([["stored", 10]]), 0]);
    assert.equal(files().length, 1);
  });

  it("is bounded by queue_size: the newest are dropped", async () => {
    const { exporter, account } = await start(protobufFormat, () => down, { queue_size: 4 });
    for (let i = 0; i < 20; i++) exporter.consume(makeSpans(10, { name: String(i) }));
    await eventually(() => files().length === 4);
    assert.equal(exporter.state.queueSize, 4);
    assert.equal(account.lost.get("queue_full"), 150);
    await end();
    // The batch that waited for room is stored with the rest.
    assert.equal(files().length, 5);
    const second = await start(protobufFormat, () => sent, { queue_size: 4 });
    await eventually(() => second.account.held === 0);
    const numbers = new Set(namesOf(second.sender.requests).map(Number));
    assert.deepEqual(numbers, new Set([0, 1, 2, 3, 4]));
  });

  it("loses what is refused for good, also from the disk", async () => {
    const { exporter, account } = await start(protobufFormat, () => ({ kind: "permanent", reason: "no" }));
    exporter.consume(makeSpans(10));
    await eventually(() => account.held === 0);
    await end();
    assert.deepEqual(account.lost, new Map([["permanent", 10]]));
    assert.deepEqual(files(), []);
  });

  it("cuts a stored request that is too large", async () => {
    const first = await start(protobufFormat);
    first.exporter.consume(makeSpans(10));
    await eventually(() => files().length === 1);
    await end();
    const tooLarge: SendOutcome = { kind: "too_large", reason: "4 spans at most" };
    const second = await start(protobufFormat, ({ itemCount }) => (itemCount > 4 ? tooLarge : sent));
    await eventually(() => second.account.out === 10);
    await end();
    assert.deepEqual(files(), []);
  });

  it("counts and names what can't be read, and sends the rest", async () => {
    const first = await start(protobufFormat);
    for (let i = 0; i < 3; i++) first.exporter.consume(makeSpans(10));
    await eventually(() => files().length === 3);
    await end();
    const [broken = ""] = files();
    writeFileSync(join(directory, "test.traces.otlp_proto", broken), "foreign bytes");
    const second = await start(protobufFormat, () => sent);
    await eventually(() => second.account.held === 0);
    assert.deepEqual([second.account.in, second.account.out], [30, 20]);
    assert.deepEqual(second.account.lost, new Map([["storage_damaged", 10]]));
    const told = deps.log.records.find(({ level }) => level === "error");
    assert.match(String(told?.fields["request"]), new RegExp(broken));
    assert.equal(told?.fields["spans"], 10);
  });

  it("reads back what there is no room for in memory", async () => {
    const queue = { batch: { flush_timeout: "1h", min_size: 250 }, num_consumers: 1, max_size_bytes: "20MiB" };
    const first = await start(protobufFormat, () => down, queue);
    for (let i = 0; i < 10; i++) {
      first.exporter.consume(makeSpans(250, { name: `batch ${i}`, attributes: [["big", "x".repeat(10_000)]] }));
      await eventually(() => files().length === i + 1);
    }
    assert.ok(first.exporter.state.queuedBytes > 20 * 1_048_576);
    first.sender.outcome = () => sent;
    await end();
    assert.deepEqual([first.account.out, first.account.lost.size], [2_500, 0]);
    const names = [...new Set(namesOf(first.sender.requests))];
    assert.deepEqual(
      names,
      Array.from({ length: 10 }, (_, i) => `batch ${i}`),
    );
    assert.deepEqual(files(), []);
  });

  it("waits in memory when the disk takes nothing, and counts what a restart then loses", async () => {
    const full: RequestStorage = {
      store: () => ({
        open: async () => ({ requests: [], damaged: [] }),
        put: () => Promise.reject(new Error("ENOSPC: no space left on device")),
        read: () => Promise.reject(new Error("nothing was put")),
        remove: async () => {},
        close: async () => {},
      }),
    };
    let outcome: SendOutcome = sent;
    const { exporter, account } = await start(protobufFormat, () => outcome, {}, full);
    exporter.consume(makeSpans(10));
    await eventually(() => account.out === 10);
    outcome = down;
    for (let i = 0; i < 2; i++) exporter.consume(makeSpans(10));
    await eventually(() => exporter.state.inFlightRequests === 2);
    await exporter.shutdown(1);
    made.length = 0;
    assert.deepEqual(account.lost, new Map([["shutdown", 20]]));
    const warnings = deps.log.records.filter(({ fields }) => String(fields["reason"]).includes("ENOSPC"));
    assert.equal(warnings.length, 1);
  });

  it("holds spans for senders that encode by themselves", async () => {
    const first = await start<readonly Span[]>(spanListFormat);
    const spans = makeSpans(10, { attributes: [["big", 12345678901234567890n as never]] });
    first.exporter.consume(spans);
    await eventually(() => files("spans_1").length === 1);
    await end();
    const second = await start<readonly Span[]>(spanListFormat, () => sent);
    await eventually(() => second.account.out === 10);
    const [request] = second.sender.requests;
    assert.deepEqual(request?.body, spans);
    assert.equal(new Set(request?.body.map(({ resource }) => resource)).size, 1, "resources are shared as before");
  });

  it("does not mix what was encoded in two ways", async () => {
    const first = await start(protobufFormat);
    first.exporter.consume(makeSpans(10));
    await eventually(() => files().length === 1);
    await end();
    const second = await start<readonly Span[]>(spanListFormat, () => sent);
    assert.equal(second.account.in, 0);
    assert.equal(files().length, 1);
  });

  it("needs a queue that is enabled", () => {
    assert.throws(() => sendingQueue.parse({ enabled: false, storage: "file_storage" }), /can't be stored/);
  });
});
