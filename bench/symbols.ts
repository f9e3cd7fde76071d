/**
 * The thread of spans while 1 000 programs that nobody has seen get their symbols: how long it is held up, beside the
 * same time with nothing to do and the same job on the thread itself. Also samples to profiles to OTLP bytes.
 */
import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { BrokerClient } from "../src/ipc/broker-client.ts";
import type { Replies } from "../src/ipc/messages.ts";
import { encodeProfilesRequest } from "../src/mapping/otlp/profiles/profiles-request.ts";
import { encodePprof } from "../src/mapping/profiles/pprof.ts";
import { SymbolStore } from "../src/receiver/symbols/symbol-store.ts";
import type { SymbolAsk } from "../src/receiver/symbols/thread-message.ts";
import { ThreadSymbolizer } from "../src/receiver/symbols/thread-symbolizer.ts";
import { makeFrame, makeProfile, makeProfileSample } from "../test/support/profiles.ts";
import { makeStackSample } from "../test/support/stack-samples.ts";

const PROGRAMS = 1000;
const BASE = 0x400000;
const program = readFileSync("/bin/bash");

/** As if each process ran a program of its own: the same bytes under another identity. */
function answer(request: SymbolAsk): unknown {
  switch (request.type) {
    case "process_images":
      return {
        mappings: `${BASE.toString(16)}-${(BASE + program.length).toString(16)} r-xp 00000000 00:01 ${request.tgid} /bin/p${request.tgid}`,
        images: [
          {
            start: BASE.toString(16),
            file: `1.${request.tgid}`,
            sizeBytes: program.length,
            identity: `1:${request.tgid}`,
          },
        ],
        namespacePid: request.tgid,
      };
    case "file_read":
      return program.subarray(request.offset, request.offset + request.lengthBytes).toString("base64");
    default:
      return { refused: "none" };
  }
}

const samples = Array.from({ length: PROGRAMS }, (_, i) =>
  makeStackSample({ tgid: i + 1, userStack: BigUint64Array.of(BigInt(BASE + 0x31000), BigInt(BASE + 0x42000)) }),
);
const client = {
  request: ((request: SymbolAsk) => Promise.resolve(answer(request))) as unknown as BrokerClient["request"],
};
const log = { debug() {}, info() {}, warn() {}, error() {} };

/** How long the event loop is held up while a job runs, ms. */
async function heldUp(job: () => Promise<void>): Promise<{ p99Ms: number; maxMs: number; totalMs: number }> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const started = performance.now();
  await job();
  const totalMs = performance.now() - started;
  delay.disable();
  const ms = (ns: number) => Number((ns / 1e6).toFixed(1));
  // A loop that never turned has measured nothing.
  const isHeldThroughout = delay.max === 0;
  const maxMs = isHeldThroughout ? Math.round(totalMs) : ms(delay.max);
  return { p99Ms: isHeldThroughout ? maxMs : ms(delay.percentile(99)), maxMs, totalMs: Math.round(totalMs) };
}

async function byThread(): Promise<void> {
  const symbolizer = new ThreadSymbolizer({ client, log, nowMs: () => performance.now() });
  await symbolizer.ready();
  // What is not named by the deadline is asked for again, as the receiver does each second.
  for (let i = 0; i < 20; i++) {
    const named = await symbolizer.symbolize(samples);
    if (named.every(({ stack }) => stack[0]!.mapping?.attributes.length !== 0 && stack[0]!.mapping !== undefined))
      break;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  await symbolizer.stop();
}

async function onThisThread(): Promise<void> {
  const ask = <R extends SymbolAsk>(request: R) => Promise.resolve(answer(request) as Replies[R["type"]]);
  const store = new SymbolStore({ ask, nowMs: () => performance.now(), vdso: undefined });
  for (const { tgid, userStack } of samples) {
    await store.resolve(tgid, Float64Array.from(userStack, Number), performance.now() + 10_000);
  }
}

const idle = await heldUp(() => new Promise((resolve) => setTimeout(resolve, 3000)));
const thread = await heldUp(byThread);
const inline = await heldUp(onThisThread);

const frames = new Map<string, ReturnType<typeof makeFrame>>();
/** Samples of one process share their frames, as the symbolizer gives them. */
function frame(name: string): ReturnType<typeof makeFrame> {
  const known = frames.get(name) ?? makeFrame(name);
  frames.set(name, known);
  return known;
}

const profiles = Array.from({ length: 20 }, (_, p) =>
  makeProfile({
    samples: Array.from({ length: 500 }, (_, i) =>
      makeProfileSample({
        stack: Array.from({ length: 30 }, (_, depth) => frame(`f${p}_${depth < 24 ? depth : (i * 7 + depth) % 90}`)),
        attributes: [["thread.id", i % 8]],
      }),
    ),
  }),
);
const rate = (encode: () => Uint8Array) => {
  encode();
  const rounds = 5;
  const started = performance.now();
  for (let i = 0; i < rounds; i++) encode();
  return Math.round((rounds * 20 * 500 * 1000) / (performance.now() - started));
};
const otlp = encodeProfilesRequest(profiles);
const result = {
  nothing: { ...idle, programs: 0 },
  symbolThread: { ...thread, programs: PROGRAMS },
  sameThread: { ...inline, programs: PROGRAMS },
  otlp: {
    samplesPerSecond: rate(() => encodeProfilesRequest(profiles)),
    bytesPerSample: Math.round(otlp.length / 10_000),
  },
  pprof: {
    samplesPerSecond: rate(() => encodePprof(profiles)),
    bytesPerSample: Math.round(encodePprof(profiles).length / 10_000),
  },
};
process.stdout.write(`${JSON.stringify({ bench: "symbols", programBytes: program.length, result }, null, 2)}\n`);
process.exit(0);
