/**
 * Records of the ring to OTLP bytes on one core, by stage: CPU time per event, with what the drain thread does left out.
 * Each candidate goes one stage further than the one before it. The oracle encodes the same spans with OpenTelemetry's
 * own serializer: the figure of a noisy machine is the ratio to it. Prints one JSON object.
 */
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { decodeSocketDataEvent } from "../src/bpf/layout.gen.ts";
import { forEachRecord } from "../src/bpf/ring-records.ts";
import { toReadableSpan } from "../src/exporter/otlp/readable-span.ts";
import { StageAccount } from "../src/mapping/account.ts";
import { TraceEngine } from "../src/mapping/engine.ts";
import { traceRequestJson } from "../src/mapping/otlp/trace-json.ts";
import { TraceRequestBuilder } from "../src/mapping/otlp/trace-request.ts";
import type { Resource, Span } from "../src/mapping/span.ts";
import { ProcessTable } from "../src/receiver/process-table.ts";
import { EventDispatcher } from "../src/receiver/socket-trace/event-dispatcher.ts";
import { OwnExchanges } from "../src/receiver/socket-trace/own-exchanges.ts";
import { makeResource } from "../test/support/spans.ts";
import { EVENTS_PER_REQUEST, ProxiedHttp, SPANS_PER_REQUEST, TGIDS } from "./support/proxied-http.ts";

const CONNECTIONS = 64;
const REQUESTS_PER_CONNECTION = 32;
const ROUNDS = Number(process.argv[2] ?? 15);
const WARM_UP_ROUNDS = 6;
const MAX_REQUEST_SIZE_BYTES = 4 * 1024 * 1024;

type Consume = (spans: readonly Span[]) => void;

class Pipeline {
  readonly traffic = new ProxiedHttp(CONNECTIONS, REQUESTS_PER_CONNECTION);
  readonly #engine: TraceEngine;
  readonly #dispatcher: EventDispatcher;
  spanCount = 0;

  constructor(consume: Consume) {
    const resources = new Map<number, Resource>(
      Object.entries(TGIDS).map(([name, tgid]) => [tgid, makeResource(name)]),
    );
    this.#engine = new TraceEngine(
      {
        clockOffsetNs: () => 1_763_000_000_000_000_000n,
        resourceOf: (tgid) => resources.get(tgid),
        fallbackResource: () => makeResource("unknown"),
        describe: { requestHeaders: [], responseHeaders: [], urlQueryParameters: [] },
        settleNs: 5_000_000_000,
      },
      {
        spans: (spans) => {
          this.spanCount += spans.length;
          consume(spans);
        },
        verdict: () => {},
      },
    );
    this.#dispatcher = new EventDispatcher({
      target: this.#engine,
      processes: new ProcessTable({
        host: { hostName: "bench", bootId: "bench", version: "0", ownCgroupPath: undefined },
        askFacts: async () => null,
      }),
      runtimes: {
        seen: () => {},
        foreseen: () => {},
        listens: () => {},
        threadSeen: () => {},
        started: () => {},
        exited: () => {},
      },
      ownExchanges: new OwnExchanges(),
      ownTgids: [1],
      includePorts: [],
      excludePorts: [],
      account: new StageAccount("dispatch", "event"),
    });
  }

  play(): void {
    for (const { view, lengthBytes } of this.traffic.batches) {
      this.#dispatcher.batch(view, lengthBytes);
      this.#engine.advance(this.traffic.nowNs);
    }
  }
}

const sample: Span[] = [];
const spansOnly = new Pipeline((spans) => {
  if (sample.length < 4096) sample.push(...spans);
});
const builder = new TraceRequestBuilder();
const toBytes = new Pipeline((spans) => {
  builder.add(spans);
  if (builder.spanCount >= 8192) builder.finish(MAX_REQUEST_SIZE_BYTES);
});
const toJson = new Pipeline((spans) => {
  traceRequestJson(spans);
});
const decoding = new ProxiedHttp(CONNECTIONS, REQUESTS_PER_CONNECTION);

interface Candidate {
  readonly prepare: () => void;
  readonly run: () => void;
}

const candidates: Readonly<Record<string, Candidate>> = {
  decode: { prepare: () => decoding.next(), run: decodeOnly },
  spans: { prepare: () => spansOnly.traffic.next(), run: () => spansOnly.play() },
  "spans and OTLP bytes": { prepare: () => toBytes.traffic.next(), run: () => toBytes.play() },
  "spans and OTLP JSON": { prepare: () => toJson.traffic.next(), run: () => toJson.play() },
};

let sum = 0;
const usPerEvent = new Map<string, number[]>();
for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
  for (const [name, { prepare, run }] of Object.entries(candidates)) {
    prepare();
    const us = cpuUs(run);
    if (round >= 0) usPerEvent.set(name, [...(usPerEvent.get(name) ?? []), us / decoding.eventCount]);
  }
}
const expected = (WARM_UP_ROUNDS + ROUNDS) * CONNECTIONS * REQUESTS_PER_CONNECTION * SPANS_PER_REQUEST;
if (spansOnly.spanCount !== expected) throw new Error(`${spansOnly.spanCount} spans, not ${expected}`);

const eventsPerSpan = EVENTS_PER_REQUEST / SPANS_PER_REQUEST;
const oracle = oracleUsPerSpan();
const result = Object.fromEntries(
  [...usPerEvent].map(([name, values]) => {
    const us = median(values);
    return [
      name,
      {
        usPerEvent: Number(us.toFixed(2)),
        best: Number(Math.min(...values).toFixed(2)),
        spansPerCpuSecond: Math.round(1e6 / (us * eventsPerSpan)),
        costToOracle: Number(((us * eventsPerSpan) / oracle).toFixed(2)),
      },
    ];
  }),
);
process.stdout.write(
  `${JSON.stringify({ bench: "pipeline", rounds: ROUNDS, oracleUsPerSpan: Number(oracle.toFixed(2)), result }, null, 2)}\n`,
);

function decodeOnly(): void {
  for (const { view, lengthBytes } of decoding.batches) {
    forEachRecord(view, lengthBytes, (offset) => {
      sum += decodeSocketDataEvent(view, offset).callLength;
    });
  }
  if (sum < 0) throw new Error("unreachable");
}

function oracleUsPerSpan(): number {
  const readable = sample.map(toReadableSpan);
  const rounds: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    const us = cpuUs(() => ProtobufTraceSerializer.serializeRequest(readable));
    if (round >= 0) rounds.push(us / readable.length);
  }
  return median(rounds);
}

/** Of all threads: what the garbage collector's cost counts too. */
function cpuUs(run: () => void): number {
  const started = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(started);
  return user + system;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
