import assert from "node:assert/strict";
import type { TraceExporter } from "../../src/exporter/exporter.ts";
import type { Extension } from "../../src/extension/extension.ts";
import type { Log } from "../../src/log.ts";
import { StageAccount } from "../../src/mapping/account.ts";
import type { Span } from "../../src/mapping/span.ts";
import type { Receiver } from "../../src/receiver/receiver.ts";
import type { Config } from "../../src/service/config/config.ts";
import { BatchProcessor, batchSettings } from "../../src/service/processor/batch.ts";
import { Service } from "../../src/service/service.ts";
import { makeSpan, makeSpans } from "../support/spans.ts";
import { load, MINIMAL } from "./config/support.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

class FakeReceiver implements Receiver {
  readonly id: string;
  readonly accounts: readonly StageAccount[] = [];
  readonly #calls: string[];
  readonly #isFailing: boolean;
  next: (spans: readonly Span[]) => void = () => {};

  constructor(id: string, calls: string[], isFailing: boolean) {
    this.id = id;
    this.#calls = calls;
    this.#isFailing = isFailing;
  }

  async start(next: (spans: readonly Span[]) => void): Promise<void> {
    if (this.#isFailing) throw new Error("no kernel");
    this.#calls.push(`start ${this.id}`);
    this.next = next;
  }

  async shutdown(deadlineMs: number): Promise<void> {
    if (deadlineMs === 0) throw new Error("no time to stop");
    this.next([makeSpan({ name: "held" })]);
    this.#calls.push(`stop ${this.id}`);
  }
}

class FakeExporter implements TraceExporter {
  readonly id: string;
  readonly account: StageAccount;
  readonly spans: Span[] = [];
  readonly #calls: string[];

  constructor(id: string, calls: string[]) {
    this.id = id;
    this.account = new StageAccount(`exporter/${id}`, "spans");
    this.#calls = calls;
  }

  async start(): Promise<void> {
    this.#calls.push(`start ${this.id}`);
  }

  consume(spans: readonly Span[]): void {
    this.spans.push(...spans);
  }

  async shutdown(): Promise<void> {
    this.#calls.push(`stop ${this.id} with ${this.spans.length}`);
  }
}

interface Built {
  readonly service: Service;
  readonly calls: string[];
  readonly receivers: Map<string, FakeReceiver>;
  readonly exporters: Map<string, FakeExporter>;
}

async function build(
  config: Config,
  failing?: string,
  divert?: (spans: readonly Span[]) => readonly Span[],
  isHolding = false,
): Promise<Built> {
  const calls: string[] = [];
  const receivers = new Map<string, FakeReceiver>();
  const exporters = new Map<string, FakeExporter>();
  const extension = (id: string): Extension => ({
    id,
    address: undefined,
    start: async () => {
      if (id === failing) throw new Error("port taken");
      calls.push(`start ${id}`);
    },
    shutdown: async () => {
      calls.push(`stop ${id}`);
    },
  });
  const service = await Service.build({
    config,
    log: silent,
    ...(divert === undefined ? {} : { divert }),
    factories: {
      receiver: async ({ id }) => {
        const receiver = new FakeReceiver(id, calls, id === failing);
        receivers.set(id, receiver);
        return receiver;
      },
      exporter: async ({ id }) => {
        const exporter = new FakeExporter(id, calls);
        exporters.set(id, exporter);
        return exporter;
      },
      profileExporter: () => Promise.reject(new Error("no pipeline of profiles")),
      processor: ({ id }) =>
        isHolding
          ? new BatchProcessor(id, batchSettings.decode({ timeout: "1h" }))
          : { id, account: new StageAccount(id, "spans"), process: (spans) => spans.slice(1) },
      extension: ({ id }) => extension(id),
    },
  });
  return { service, calls, receivers, exporters };
}

const TWO_PIPELINES = `
receivers: {socket_trace: , socket_trace/2: }
processors: {batch: }
exporters: {debug: , debug/2: }
extensions: {zpages: }
service:
  extensions: [zpages]
  pipelines:
    traces: {receivers: [socket_trace], processors: [batch], exporters: [debug]}
    traces/2: {receivers: [socket_trace, socket_trace/2], exporters: [debug, debug/2]}
`;

const configOf = (text: string): Config => load({ files: { "a.yaml": text } }).config;

describe("service", () => {
  it("starts extensions, then from the end to the beginning, and drains the other way round", async () => {
    const { service, calls } = await build(configOf(TWO_PIPELINES));
    await service.start();
    await service.shutdown(1000);
    assert.deepEqual(calls, [
      "start zpages",
      "start debug",
      "start debug/2",
      "start socket_trace",
      "start socket_trace/2",
      "stop socket_trace",
      "stop socket_trace/2",
      // What receivers held until their end has reached the exporters before those end.
      "stop debug with 2",
      "stop debug/2 with 2",
      "stop zpages",
    ]);
  });

  it("gives spans to every pipeline of their receiver, through its processors", async () => {
    const { service, receivers, exporters } = await build(configOf(TWO_PIPELINES));
    await service.start();
    receivers.get("socket_trace")?.next(makeSpans(3));
    receivers.get("socket_trace/2")?.next(makeSpans(2));
    assert.equal(exporters.get("debug")?.spans.length, 2 + 3 + 2);
    assert.equal(exporters.get("debug/2")?.spans.length, 3 + 2);
    assert.deepEqual(
      [...service.accepted],
      [
        ["socket_trace", 3],
        ["socket_trace/2", 2],
      ],
    );
  });

  it("stops what was started when a later part fails", async () => {
    const { service, calls } = await build(configOf(TWO_PIPELINES), "socket_trace/2");
    await assert.rejects(service.start(), /no kernel/);
    const stopped = ["stop socket_trace", "stop debug with 1", "stop debug/2 with 1", "stop zpages"];
    assert.deepEqual(
      calls.filter((call) => call.startsWith("stop")),
      stopped,
    );
  });

  it("captures nothing when a port is taken", async () => {
    const { service, calls } = await build(configOf(TWO_PIPELINES), "zpages");
    await assert.rejects(service.start(), /port taken/);
    assert.deepEqual(calls, []);
  });

  it("keeps diverted spans from every exporter", async () => {
    const { service, receivers, exporters } = await build(configOf(MINIMAL), undefined, (spans) =>
      spans.filter((span) => span.name !== "secret"),
    );
    await service.start();
    receivers.get("socket_trace")?.next([makeSpan({ name: "secret" }), makeSpan({ name: "open" })]);
    assert.deepEqual(
      exporters.get("debug")?.spans.map((span) => span.name),
      ["open"],
    );
  });

  it("drains processors between receivers and exporters", async () => {
    const { service, receivers, exporters } = await build(configOf(TWO_PIPELINES), undefined, undefined, true);
    await service.start();
    receivers.get("socket_trace/2")?.next(makeSpans(2));
    receivers.get("socket_trace")?.next(makeSpans(3));
    assert.equal(exporters.get("debug")?.spans.length, 5);
    await service.shutdown(1000);
    // Those that were held, and one that each receiver gave at its end.
    assert.equal(exporters.get("debug")?.spans.length, 2 + 2 * (3 + 1) + 1);
  });

  it("does not wait for a receiver that hangs", async () => {
    const { service, calls, receivers } = await build(configOf(MINIMAL));
    await service.start();
    const receiver = receivers.get("socket_trace");
    if (receiver !== undefined) receiver.shutdown = () => new Promise(() => {});
    await service.shutdown(10);
    assert.ok(calls.includes("stop debug with 0"));
  });
});
