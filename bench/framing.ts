/**
 * Bytes that are copied to user space for an exchange that moves many: with the verdicts obeyed, and with all of each
 * call captured as far as an event holds it. Both ends are on this host, so each exchange is counted twice. The first
 * exchange of a connection is not counted, but for the row that says so. Prints one JSON object.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { HookSet } from "../src/bpf/feature.ts";
import { ProcessFilter } from "../src/bpf/layout.gen.ts";
import { TraceEngine } from "../src/mapping/engine.ts";
import { PROTOCOLS } from "../src/mapping/protocols/registry.ts";
import type { Span } from "../src/mapping/span.ts";
import { VerdictWriter } from "../src/receiver/socket-trace/verdict-writer.ts";
import { KernelCapture } from "../test/kernel/capture/support/kernel-capture.ts";
import { makeResource } from "../test/support/spans.ts";

const EXCHANGES = 20;
const DRAIN_MS = 2;
const SKIPPED = 77;
const PEERS = fileURLToPath(new URL("programs/bulk-peers.js", import.meta.url));
const WORKLOADS = {
  "HTTP/1.1 download of 10 MiB": "http1",
  "HTTP/2 download of 10 MiB": "http2",
  "gRPC stream of 1000 messages": "grpc",
  "Kafka fetch of 1 MiB": "kafka",
  "PostgreSQL result of 10 000 rows": "postgresql",
} as const;

if (process.getuid?.() !== 0) {
  process.stderr.write("framing: needs root\n");
  process.exit(SKIPPED);
}

interface Copied {
  readonly bytesPerExchange: number;
  readonly eventsPerExchange: number;
  /** Of the CLIENT and SERVER spans that there should be. */
  readonly wholeSpans: number;
}

async function measure(mode: string, obeysVerdicts: boolean): Promise<Copied> {
  using capture = new KernelCapture({
    sends: HookSet.a,
    receives: HookSet.a,
    conf: { defaultLimit: obeysVerdicts ? 4096 : 16_384 },
  });
  capture.setProcess(process.pid, ProcessFilter.exclude);
  const verdicts = obeysVerdicts
    ? new VerdictWriter(
        {
          verdicts: capture.map("socket_verdicts"),
          generations: capture.map("verdict_generations"),
          framings: capture.map("framings"),
        },
        { request: () => Promise.reject(new Error("no broker")) },
        PROTOCOLS.flatMap(({ framing }) => framing ?? []),
      )
    : undefined;
  const child = spawn(process.execPath, [PEERS, mode, String(EXCHANGES)], { stdio: ["pipe", "pipe", "inherit"] });
  const spans: Span[] = [];
  const engine = new TraceEngine(
    {
      clockOffsetNs: () => 0n,
      resourceOf: () => makeResource("bench"),
      fallbackResource: () => makeResource("bench"),
      describe: { requestHeaders: [], responseHeaders: [], urlQueryParameters: [] },
      settleNs: 1,
    },
    { spans: (made) => spans.push(...made), verdict: (cookie, verdict) => verdicts?.add(cookie, verdict) },
  );
  let bytes = 0;
  let events = 0;
  const drain = (): void => {
    capture.drain();
    for (const event of capture.data.splice(0)) {
      if (event.header.tgid !== child.pid) continue;
      bytes += event.bytes.length;
      events++;
      engine.socketData(event, event.bytes);
    }
    capture.states.length = 0;
    capture.processes.length = 0;
    engine.advance(Number(process.hrtime.bigint()));
    verdicts?.flush();
  };
  const timer = setInterval(drain, DRAIN_MS);
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== "ready") continue;
    drain();
    bytes = 0;
    events = 0;
    spans.length = 0;
    child.stdin.write("\n");
  }
  clearInterval(timer);
  drain();
  engine.flush();
  const whole = spans.filter(({ attributes }) => !attributes.some(([key]) => key === "error.type")).length;
  return {
    bytesPerExchange: Math.round(bytes / EXCHANGES),
    eventsPerExchange: Math.round(events / EXCHANGES),
    wholeSpans: Number((whole / (2 * EXCHANGES)).toFixed(2)),
  };
}

const result: Record<string, Copied> = {};
for (const [name, mode] of Object.entries(WORKLOADS)) {
  result[`${name}, whole calls`] = await measure(mode, false);
  result[`${name}, verdicts`] = await measure(mode, true);
}
process.stdout.write(JSON.stringify({ bench: "framing", exchanges: EXCHANGES, result }));
