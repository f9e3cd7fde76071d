import assert from "node:assert/strict";
import { connect } from "node:net";
import { performance } from "node:perf_hooks";
import { DeepflowExporter, DeepflowProfileExporter } from "../../../src/exporter/deepflow/deepflow.ts";
import { type DeepflowSettings, deepflowSettings } from "../../../src/exporter/deepflow/settings.ts";
import type { Log } from "../../../src/log.ts";
import type { Profile } from "../../../src/mapping/profile.ts";
import { type Resource, type Span, SpanKind, StatusCode } from "../../../src/mapping/span.ts";
import { encodeFrame } from "../../../src/mapping/trident/wire/frame.ts";
import { FrameHandler } from "../../../src/receiver/trident/frame-handler.ts";
import { Ingester } from "../../../src/receiver/trident/ingester.ts";
import { agentLink, UNKNOWN_DIRECTIVES } from "../../../src/trident/agent-link.ts";
import { prepareCompression } from "../../../src/trident/compression.ts";
import { eventually } from "../../support/eventually.ts";
import { noStorage } from "../../support/exporter-deps.ts";

const log: Log = { debug() {}, info() {}, warn() {}, error() {} };
const deps = { log, now: () => performance.now(), storage: noStorage };
const resource: Resource = {
  attributes: [
    ["service.name", "a"],
    ["process.pid", 5],
  ],
};

function spans(count: number, kind: SpanKind = SpanKind.server): Span[] {
  return Array.from({ length: count }, (_, index) => ({
    traceId: (index + 1).toString(16).padStart(32, "0"),
    spanId: (index + 1).toString(16).padStart(16, "0"),
    parentSpanId: undefined,
    traceState: undefined,
    flags: 0x101,
    kind,
    name: "GET",
    startTimeUnixNano: 1_700_000_000_000_000_000n,
    endTimeUnixNano: 1_700_000_000_000_000_100n,
    attributes: [
      ["http.request.method", "GET"],
      ["sockspan.tcp.seq", index],
    ],
    events: [],
    links: [],
    status: StatusCode.unset,
    statusMessage: undefined,
    resource,
  }));
}

class Peer {
  readonly received: Span[] = [];
  readonly profiles: Profile[] = [];
  readonly handler = new FrameHandler({
    settleNs: 0,
    maxRows: 1000,
    maxUnfoldedBytes: 1 << 24,
    maxRowsPerSecondPerAgent: 0,
    hostOf: () => undefined,
    profiles: (more) => this.profiles.push(...more),
    now: () => 0,
    spans: (more) => this.received.push(...more),
  });
  readonly ingester: Ingester;

  constructor(port = 0, limits: Partial<{ maxConnections: number; stallMs: number; maxFrameBytes: number }> = {}) {
    this.ingester = new Ingester({
      host: "127.0.0.1",
      port,
      maxFrameBytes: 1 << 20,
      maxConnections: 100,
      stallMs: 10_000,
      idleMs: 60_000,
      handler: this.handler,
      ...limits,
    });
  }
}

function settingsOf(settings: object): DeepflowSettings {
  return deepflowSettings.parse({
    stats_interval: "0s",
    sending_queue: { num_consumers: 1, batch: { min_size: 100, flush_timeout: "10ms" } },
    retry_on_failure: { initial_interval: "10ms", max_interval: "20ms" },
    ...settings,
  });
}

function exporterTo(settings: object): DeepflowExporter {
  return new DeepflowExporter("deepflow", settingsOf(settings), deps);
}

const PROFILE: Profile = {
  type: "cpu",
  resource,
  timeUnixNano: 1_700_000_000_000_000_000n,
  durationNano: 1n,
  periodNano: 10_000_000,
  samples: [
    {
      timeUnixNano: 1_700_000_000_000_000_000n,
      stack: ["leaf", "root"].map((functionName) => ({
        address: 0n,
        mapping: undefined,
        type: "native",
        lines: [{ functionName, fileName: undefined, lineNumber: 0 }],
      })),
      attributes: [
        ["thread.id", 6],
        ["thread.name", "worker"],
        ["cpu.logical_number", 1],
      ],
      link: undefined,
      value: 1,
    },
  ],
};

describe("exporter deepflow and an ingester", () => {
  let peer: Peer;

  beforeEach(async () => {
    await prepareCompression();
    peer = new Peer();
    await peer.ingester.start();
  });

  afterEach(() => peer.ingester.shutdown());

  for (const compression of ["zstd", "zlib", "gzip", "none"]) {
    it(`delivers the same spans, compression ${compression}`, async () => {
      const exporter = exporterTo({ endpoint: `127.0.0.1:${peer.ingester.port}`, compression });
      await exporter.start();
      const sent = spans(1000);
      exporter.consume(sent);
      await exporter.shutdown(5000);
      await eventually(() => peer.received.length >= 1000);
      assert.deepEqual(peer.received, sent);
      assert.equal(exporter.account.out, 1000);
      assert.equal(exporter.account.held, 0);
    });
  }

  it("delivers profiles, and none when the controller has switched them off", async () => {
    const exporter = new DeepflowProfileExporter(
      "deepflow",
      settingsOf({ endpoint: `127.0.0.1:${peer.ingester.port}`, agent: "trident/profiles" }),
      deps,
    );
    const link = agentLink("trident/profiles");
    await exporter.start();
    link.update({ ...UNKNOWN_DIRECTIVES, isEnabled: true, agentId: 3, areProfilesEnabled: false });
    exporter.consume([PROFILE]);
    assert.deepEqual(exporter.account.consumed, new Map([["switched_off", 1]]));
    link.update({ ...UNKNOWN_DIRECTIVES, isEnabled: true, agentId: 3 });
    exporter.consume([PROFILE]);
    await exporter.shutdown(5000);
    await eventually(() => peer.profiles.length > 0);
    assert.deepEqual(
      peer.profiles.map(({ samples, periodNano }) => ({ samples, periodNano })),
      [{ samples: PROFILE.samples, periodNano: PROFILE.periodNano }],
    );
    assert.equal(exporter.account.out, 1);
  });

  it("delivers reads and writes of files as events of their process", async () => {
    const exporter = exporterTo({ endpoint: `127.0.0.1:${peer.ingester.port}` });
    await exporter.start();
    const [span] = spans(1, SpanKind.internal);
    const io = { ...span!, attributes: [["sockspan.io.operation", "read"] as const, ["file.path", "/a/b"] as const] };
    exporter.consume([...spans(2), io, ...spans(1, SpanKind.internal)]);
    await exporter.shutdown(5000);
    await eventually(() => peer.handler.records.consumed.has("proc_event"));
    assert.equal(peer.handler.records.consumed.get("proc_event"), 1);
    assert.equal(peer.received.length, 2);
    assert.equal(exporter.account.out, 3);
    assert.deepEqual(exporter.account.consumed, new Map([["internal_span", 1]]));
  });

  it("delivers by UDP in datagrams that an ingester reads", async () => {
    const exporter = exporterTo({ endpoint: `127.0.0.1:${peer.ingester.port}`, protocol: "udp" });
    await exporter.start();
    exporter.consume(spans(20));
    await exporter.shutdown(5000);
    await eventually(() => peer.received.length >= 20);
  });

  it("waits for an ingester that is away and finds it again", async () => {
    const port = peer.ingester.port ?? 0;
    await peer.ingester.shutdown();
    const exporter = exporterTo({ endpoint: `127.0.0.1:${port}` });
    await exporter.start();
    exporter.consume(spans(50));
    await eventually(() => exporter.state.failure !== undefined);
    peer = new Peer(port);
    await peer.ingester.start();
    await eventually(() => peer.received.length === 50);
    await exporter.shutdown(1000);
    assert.equal(exporter.account.out, 50);
  });

  it("does as the controller says: address, id, throttle, off", async () => {
    const link = agentLink("trident/exporter-test");
    const exporter = exporterTo({ agent: "trident/exporter-test" });
    await exporter.start();
    const ingester = { host: "127.0.0.1", port: peer.ingester.port ?? 0 };
    link.update({ ...UNKNOWN_DIRECTIVES, isEnabled: true, agentId: 9, ingester, maxRowsPerSecond: 10 });
    exporter.consume(spans(25));
    assert.equal(exporter.account.lost.get("throttled"), 15);
    link.update({ ...link.directives, isEnabled: false });
    exporter.consume(spans(5));
    assert.equal(exporter.account.consumed.get("agent_disabled"), 5);
    exporter.consume(spans(2, SpanKind.internal));
    assert.equal(exporter.account.consumed.get("internal_span"), 2);
    await exporter.shutdown(5000);
    await eventually(() => peer.received.length === 10);
    assert.equal(exporter.account.held, 0);
  });

  it("needs an address or an agent", () => {
    assert.equal(deepflowSettings.safeParse({}).success, false);
    assert.equal(deepflowSettings.safeParse({ endpoint: "nowhere" }).success, false);
  });
});

describe("ingester against strangers", () => {
  const good = encodeFrame(
    { type: 10, encoder: 0, teamId: 1, organizationId: 1, agentId: 1 },
    Uint8Array.of(1, 0, 0, 0, 7),
  );
  let peer: Peer;

  async function send(...chunks: Uint8Array[]): Promise<{ closed: Promise<void>; end: () => void }> {
    const socket = connect({ host: "127.0.0.1", port: peer.ingester.port ?? 0 });
    socket.on("error", () => undefined);
    const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
    await new Promise<void>((resolve) => socket.on("connect", resolve));
    for (const chunk of chunks) socket.write(chunk);
    return { closed, end: () => socket.end() };
  }

  beforeEach(() => {
    peer = new Peer(0, { maxConnections: 3, stallMs: 100 });
    return peer.ingester.start();
  });

  afterEach(() => peer.ingester.shutdown());

  it("ends the connection of garbage and of a 4 GB length, counts it, and harms no other", async () => {
    const friend = await send(good);
    await (await send(Buffer.from("GET / HTTP/1.1\r\n\r\n"))).closed;
    const huge = Uint8Array.from(good);
    huge.set([255, 255, 255, 255]);
    await (await send(huge)).closed;
    assert.deepEqual(Object.fromEntries(peer.handler.frames.lost), { unknown_type: 1, frame_too_long: 1 });
    assert.equal(peer.handler.frames.out, 1);
    assert.deepEqual(Object.fromEntries(peer.handler.records.consumed), { dfstats: 1 });
    friend.end();
    await friend.closed;
    await eventually(() => peer.ingester.connections.consumed.get("closed") === 1);
  });

  it("ends a slow sender and counts half a frame", async () => {
    await (await send(good.subarray(0, 10))).closed;
    await eventually(() => peer.ingester.connections.lost.get("slow_sender") === 1);
    const half = await send(good.subarray(0, 10));
    half.end();
    await half.closed;
    await eventually(() => peer.ingester.connections.lost.get("half_frame") === 1);
  });

  it("takes no more connections than it may", async () => {
    const friends = [await send(good), await send(good), await send(good)];
    await eventually(() => peer.handler.frames.out === 3);
    await (await send(good)).closed;
    assert.equal(peer.ingester.connections.lost.get("too_many_connections"), 1);
    for (const friend of friends) friend.end();
  });

  it("keeps a bare header, and frames whose body is not what they say, apart", async () => {
    const bare = encodeFrame({ type: 5, encoder: 0, teamId: 1, organizationId: 1, agentId: 1 }, new Uint8Array(0));
    const bad = encodeFrame({ type: 5, encoder: 3, teamId: 1, organizationId: 1, agentId: 1 }, Uint8Array.of(1, 2, 3));
    const cut = encodeFrame(
      { type: 5, encoder: 0, teamId: 1, organizationId: 1, agentId: 1 },
      Uint8Array.of(200, 0, 0, 0, 7),
    );
    const friend = await send(bare, bad, cut, good);
    await eventually(() => peer.handler.frames.in === 4);
    assert.deepEqual(Object.fromEntries(peer.handler.frames.lost), { body_unreadable: 1, body_truncated: 1 });
    assert.equal(peer.handler.frames.out, 2);
    friend.end();
  });
});
