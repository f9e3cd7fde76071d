/**
 * Events to spans, and on to OTLP bytes, without decoding: what one core does with HTTP/1.
 * Both ends of each exchange are seen: an exchange is four events and two spans. Prints one JSON object.
 */
import { Direction, type SocketDataEvent, SocketRole } from "../src/bpf/layout.gen.ts";
import { TraceEngine } from "../src/mapping/engine.ts";
import type { Resource, Span } from "../src/mapping/span.ts";
import { encodeTraceRequest } from "../test/support/encode-spans.ts";
import { dataEvent, tuple } from "../test/support/events.ts";

const connections = 64;
const exchangesPerRound = 20_000;
const rounds = Number(process.argv[2] ?? 9);

const request = Buffer.from(
  "GET /items/4711/details?color=red&size=4 HTTP/1.1\r\nHost: shop.example.internal:8080\r\n" +
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: application/json\r\nAccept-Encoding: gzip, deflate, br\r\n" +
    "Connection: keep-alive\r\nX-Tenant: 42\r\n\r\n",
);
const response = Buffer.from(
  "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 16:00:00 GMT\r\nContent-Type: application/json\r\n" +
    'Content-Length: 27\r\nConnection: keep-alive\r\n\r\n{"id":4711,"color":"green"}',
);
const resources: Resource[] = [1, 2].map((tgid) => ({ attributes: [["service.name", `service-${tgid}`]] }));

interface Mutable {
  timestampNs: number;
  streamOffset: number;
}

/** One object per kind of event, written over and over as a decoder may do. */
function eventsOf(index: number): { event: SocketDataEvent; bytes: Uint8Array; isRequest: boolean }[] {
  const port = 40_000 + index;
  const [client, server] = [1_000_003 * (index + 1), 7_000_009 * (index + 1)];
  return [0, 1, 2, 3].map((step) => {
    const isClient = step === 0 || step === 3;
    const isRequest = step < 2;
    const bytes = isRequest ? request : response;
    return {
      isRequest,
      bytes,
      event: dataEvent({
        by: { tgid: isClient ? 1 : 2, pid: isClient ? 1 : 100 + index },
        direction: step % 2 === 0 ? Direction.egress : Direction.ingress,
        role: isClient ? SocketRole.client : SocketRole.server,
        cookie: index * 2 + (isClient ? 1 : 2),
        tuple: isClient ? tuple("127.0.0.1", port, "127.0.0.1", 8080) : tuple("127.0.0.1", 8080, "127.0.0.1", port),
        localFirstSequence: isClient ? client : server,
        remoteFirstSequence: isClient ? server : client,
        offset: 0,
        length: bytes.length,
        captured: bytes.length,
        timestampNs: 0,
      }),
    };
  });
}

function run(isEncoding: boolean): () => number {
  let spanCount = 0;
  let byteCount = 0;
  let batch: Span[] = [];
  const engine = new TraceEngine(
    {
      clockOffsetNs: () => 1_763_000_000_000_000_000n,
      resourceOf: (tgid) => resources[tgid - 1],
      fallbackResource: () => resources[0]!,
      describe: { requestHeaders: [], responseHeaders: [], urlQueryParameters: [] },
      settleNs: 5_000_000_000,
    },
    {
      spans: (spans) => {
        spanCount += spans.length;
        if (!isEncoding) return;
        batch.push(...spans);
        if (batch.length < 2048) return;
        byteCount += encodeTraceRequest(batch).length;
        batch = [];
      },
      verdict: () => {},
    },
  );
  const all = Array.from({ length: connections }, (_, index) => eventsOf(index));
  const offsets = new Float64Array(connections);
  let nowNs = 1_000_000_000;
  return () => {
    const before = spanCount;
    for (let exchange = 0; exchange < exchangesPerRound; exchange++) {
      const index = exchange % connections;
      const count = offsets[index]!;
      for (const { event, bytes, isRequest } of all[index]!) {
        nowNs += 2_000;
        (event.header as unknown as Mutable).timestampNs = nowNs;
        (event as unknown as Mutable).streamOffset = count * (isRequest ? request.length : response.length);
        engine.socketData(event, bytes);
      }
      offsets[index] = count + 1;
      if (exchange % 256 === 0) engine.advance(nowNs);
    }
    engine.advance(nowNs);
    if (byteCount < 0) throw new Error("unreachable");
    return spanCount - before;
  };
}

const candidates = { spans: run(false), spansAndBytes: run(true) };
const rates = new Map<string, number[]>();
for (let round = -2; round < rounds; round++) {
  for (const [name, once] of Object.entries(candidates)) {
    const started = process.cpuUsage();
    const count = once();
    const { user, system } = process.cpuUsage(started);
    // The first rounds only warm up.
    if (round >= 0) rates.set(name, [...(rates.get(name) ?? []), (count * 1e6) / (user + system)]);
  }
}
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const result = Object.fromEntries(
  [...rates].map(([name, values]) => [
    name,
    { spansPerCpuSecond: Math.round(median(values)), worst: Math.round(Math.min(...values)) },
  ]),
);
process.stdout.write(`${JSON.stringify({ rounds, spansPerRound: exchangesPerRound * 2, ...result })}\n`);
