/**
 * The bridge on one core: l7 rows from a frame's bytes to joined spans, spans to rows, and what a thousand agents that
 * Sync every 60 seconds cost the controller. Prints one JSON object.
 */

import { performance } from "node:perf_hooks";
import { create } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import type { Log } from "../src/log.ts";
import { emptyRow, RowKind, TapSide } from "../src/mapping/trident/rows/l7-row.ts";
import { encodeL7Row } from "../src/mapping/trident/rows/l7-row-encode.ts";
import { spanToRow } from "../src/mapping/trident/rows/span-to-row.ts";
import { decodeFrameHeader, encodeFrame, HEADER_BYTES } from "../src/mapping/trident/wire/frame.ts";
import { joinRecords } from "../src/mapping/trident/wire/records.ts";
import { Controller } from "../src/receiver/trident/controller/controller.ts";
import { FrameHandler } from "../src/receiver/trident/frame-handler.ts";
import { tridentReceiverSettings } from "../src/receiver/trident/settings.ts";
import { compressBody, prepareCompression } from "../src/trident/compression.ts";
import { methodDefinition } from "../src/trident/grpc-service.ts";
import { Synchronizer, type SyncRequest, SyncRequestSchema } from "../src/trident/proto/agent.gen.ts";
import { makeSpan } from "../test/support/spans.ts";

const rounds = 7;
/** Until the compiler has seen enough. */
const WARM_UP_ROUNDS = 4;
const roundMs = 500;
const rowsPerFrame = 512;
const agents = 1000;
const log: Log = { debug() {}, info() {}, warn() {}, error() {} };
const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

await prepareCompression();

/** Client and server rows of exchanges, three calls under each request. */
function makeFrame(first: number): Uint8Array {
  const rows: Uint8Array[] = [];
  for (let index = 0; rows.length < rowsPerFrame; index++) {
    const exchange = first + index;
    const row = emptyRow();
    row.startTimeNs = 1_700_000_000_000_000_000n + BigInt(exchange) * 1000n;
    row.endTimeNs = row.startTimeNs + 5_000_000n;
    row.kind = RowKind.session;
    row.protocol = 20;
    row.transport = 6;
    row.flowId = BigInt(exchange % 1000);
    row.requestTcpSeq = exchange * 7 + 1;
    row.responseTcpSeq = exchange * 11 + 1;
    row.requestType = "GET";
    row.requestDomain = "shop.example";
    row.requestResource = `/cart/${exchange}?q=1`;
    row.code = 200;
    row.processId0 = 10;
    row.processId1 = 20;
    row.processName0 = "front";
    row.processName1 = "back";
    row.syscallTraceIdRequest = BigInt(exchange - (exchange % 4) + 1);
    row.userAgent = "curl/8";
    rows.push(encodeL7Row({ ...row, tapSide: TapSide.clientProcess }));
    rows.push(encodeL7Row({ ...row, tapSide: TapSide.serverProcess, syscallTraceIdRequest: BigInt(exchange + 1) }));
  }
  const body = compressBody(3, joinRecords(rows));
  return encodeFrame({ type: 5, encoder: 3, teamId: 1, organizationId: 1, agentId: 1 }, body);
}

let made = 0;
let nowNs = 0;
const handler = new FrameHandler({
  settleNs: 1e9,
  maxRows: 200_000,
  maxUnfoldedBytes: 1 << 24,
  maxRowsPerSecondPerAgent: 0,
  hostOf: () => undefined,
  profiles: () => {},
  now: () => nowNs,
  spans: (spans) => {
    made += spans.length;
  },
});
const frames = Array.from({ length: 200 }, (_, index) => makeFrame(index * rowsPerFrame));
const decodeRates: number[] = [];
const encodeRates: number[] = [];
const span = makeSpan();
for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
  let rows = 0;
  let started = cpuMs();
  for (let at = 0; cpuMs() - started < roundMs; at++) {
    const frame = frames[at % frames.length]!;
    handler.handle(decodeFrameHeader(frame, 0), frame.subarray(HEADER_BYTES));
    rows += rowsPerFrame;
    // As if the rows came at 20 000 a second, so that no row comes again while its first is still known.
    nowNs += (rowsPerFrame / 20_000) * 1e9;
    handler.joiner.advance(nowNs);
  }
  if (round >= 0) decodeRates.push((rows * 1000) / (cpuMs() - started));
  started = cpuMs();
  let encoded = 0;
  while (cpuMs() - started < roundMs) {
    for (let index = 0; index < 1000; index++) encodeL7Row(spanToRow(span, { agentId: 1, epcId: 1 })!);
    encoded += 1000;
  }
  if (round >= 0) encodeRates.push((encoded * 1000) / (cpuMs() - started));
}

const settings = tridentReceiverSettings.parse({
  controller: { endpoint: "127.0.0.1:0", max_calls_per_second: 100_000, max_calls_per_second_per_peer: 100_000 },
});
const controller = new Controller(settings.controller!, "127.0.0.1:20033", log, () => performance.now());
await controller.start();
const client = new grpc.Client(`127.0.0.1:${controller.port}`, grpc.credentials.createInsecure());
const { path, requestSerialize, responseDeserialize } = methodDefinition(Synchronizer.method.sync);
const sync = (request: SyncRequest) =>
  new Promise<void>((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error) =>
      error === null ? resolve() : reject(error),
    );
  });
const requests = Array.from({ length: agents }, (_, index) =>
  create(SyncRequestSchema, {
    ctrlIp: `10.0.${index >> 8}.${index & 255}`,
    ctrlMac: "02:00:00:00:00:01",
    host: `h${index}`,
  }),
);
for (const request of requests) await sync(request);
const syncMs: number[] = [];
for (let round = 0; round < rounds; round++) {
  const started = cpuMs();
  for (let at = 0; at < agents; at += 50) await Promise.all(requests.slice(at, at + 50).map(sync));
  syncMs.push(cpuMs() - started);
}
client.close();
await controller.shutdown();

const result = {
  rowsToSpans: { perSecond: Math.round(median(decodeRates)), worst: Math.round(Math.min(...decodeRates)), spans: made },
  spansToRows: { perSecond: Math.round(median(encodeRates)), worst: Math.round(Math.min(...encodeRates)) },
  // Client and server share the process, so the controller's own part is smaller.
  sync1000Agents: { cpuMs: Math.round(median(syncMs)), percentOfCore: Number((median(syncMs) / 600).toFixed(3)) },
};
process.stdout.write(`${JSON.stringify({ bench: "trident", rounds, node: process.version, result }, null, 2)}\n`);
