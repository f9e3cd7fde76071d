import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { spansOfPort } from "../support/expect-spans.ts";
import { freePort } from "../support/free-port.ts";
import { ask, askMany } from "../support/http-client.ts";
import { type Metric, sumOf } from "../support/metrics.ts";
import { Scratch } from "../support/scratch.ts";
import { startNode } from "../support/servers.ts";
import { Sockspan } from "../support/sockspan.ts";

/** in = out + consumed + held + lost, for each stage. */
function assertBalanced(metrics: readonly Metric[]): void {
  const stages = new Set(metrics.map(({ labels }) => labels.get("stage") ?? "").filter((stage) => stage !== ""));
  assert.ok(stages.size > 0, "no stage in the metrics");
  for (const stage of stages) {
    const total = (what: string) => sumOf(metrics, `sockspan_stage_${what}`, { stage });
    const left = total("out_total") + total("consumed_total") + total("lost_total") + total("held");
    assert.equal(total("in_total"), left, `stage ${stage} does not balance`);
  }
}

describe("trouble with the export", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("does not stop the capture when nobody listens, and what is given up is counted and said", async function () {
    this.timeout(60_000);
    const node = await startNode(scratch);
    const port = await freePort();
    const sockspan = await Sockspan.start(scratch, {
      exporters: {
        otlp_grpc: `{ endpoint: "127.0.0.1:${port}", tls: { insecure: true }, retry_on_failure: { enabled: false } }`,
      },
    });
    for (let number = 0; number < 5; number += 1) await ask(node.port, `/down/${number}`);
    const lost = await untilMetric(
      sockspan,
      (metrics) => lossesOf(metrics, "otlp_grpc"),
      (count) => count > 0,
    );
    assertBalanced(lost.metrics);
    const spans = await sockspan.stopAndRead();
    assert.equal(spansOfPort(spans, node.port).length, 10, "the other exporter has them all");
    assert.match(sockspan.program.output, new RegExp(`127\\.0\\.0\\.1:${port}`));
  });

  it("drops the newest when the queue is full, and counts each", async function () {
    this.timeout(60_000);
    const node = await startNode(scratch);
    const silent = await serverThatNeverAnswers(scratch);
    const sockspan = await Sockspan.start(scratch, {
      exporters: {
        otlp_http: `{ endpoint: "http://127.0.0.1:${silent}", sending_queue: { sizer: items, queue_size: 100 }, timeout: 30s }`,
      },
    });
    const paths = Array.from({ length: 2000 }, (_, number) => `/full/${number}`);
    for (let round = 0; round < 4; round += 1) {
      await askMany(node.port, paths.slice(round * 500, (round + 1) * 500), 4);
      await sleep(300);
    }
    const lost = await untilMetric(
      sockspan,
      (metrics) => lossesOf(metrics, "otlp_http"),
      (count) => count > 0,
    );
    assertBalanced(lost.metrics);
    sockspan.program.signal("SIGKILL");
  });
});

function lossesOf(metrics: readonly Metric[], exporter: string): number {
  return metrics
    .filter(({ name, labels }) => name === "sockspan_stage_lost_total" && labels.get("stage")?.includes(exporter))
    .reduce((sum, { value }) => sum + value, 0);
}

async function untilMetric(
  sockspan: Sockspan,
  read: (metrics: readonly Metric[]) => number,
  isEnough: (value: number) => boolean,
): Promise<{ value: number; metrics: Metric[] }> {
  for (let attempt = 0; attempt < 150; attempt += 1) {
    const metrics = await sockspan.metrics();
    const value = read(metrics);
    if (isEnough(value)) return { value, metrics };
    await sleep(100);
  }
  throw new Error(`the metric never came; sockspan said:\n${sockspan.program.output}`);
}

async function serverThatNeverAnswers(scratch: Scratch): Promise<number> {
  const server: HttpServer = createServer((request) => void request.resume());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  scratch.defer(async () => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
