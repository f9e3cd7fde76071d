/** Memory and loss at a steady rate: nginx answers, the whole receiver runs beside it on the same cores. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { freePort } from "../test/support/free-port.ts";
import { type Metric, sumOf } from "../test/support/metrics.ts";
import { startNginx } from "../test/support/nginx.ts";
import { Program } from "../test/support/program.ts";
import { Scratch } from "../test/support/scratch.ts";
import { Sockspan } from "../test/support/sockspan.ts";

const RATES = [5_000, 10_000, 20_000];
const SECONDS = 20;
const CONNECTIONS = 64;
const program = (name: string): string => fileURLToPath(new URL(`programs/${name}.js`, import.meta.url));

const result: Record<string, Record<string, number>> = {};
const losses: Record<string, Record<string, number>> = {};
for (const rate of RATES) {
  const measured = await measure(rate);
  result[`${rate} requests/s`] = measured.figures;
  losses[`${rate} requests/s`] = measured.losses;
}
process.stdout.write(
  `${JSON.stringify({ bench: "steady", seconds: SECONDS, connections: CONNECTIONS, result, losses }, null, 2)}\n`,
);

interface Measured {
  readonly figures: Record<string, number>;
  readonly losses: Record<string, number>;
}

async function measure(rate: number): Promise<Measured> {
  const scratch = await Scratch.create();
  try {
    const nginx = await startNginx(scratch);
    const sinkPort = await freePort();
    scratch.keep(
      await Program.start([process.execPath, program("otlp-sink"), String(sinkPort)], { readyOutput: /listening/ }),
    );
    const sockspan = await Sockspan.start(scratch, {
      exporters: { otlp_http: `{ endpoint: "http://127.0.0.1:${sinkPort}", compression: none }` },
      withoutFile: true,
    });
    const idleMiB = residentMiB(sockspan.program.pid);
    const client = scratch.keep(
      await Program.start([
        process.execPath,
        program("paced-client"),
        ...[nginx.port, rate, SECONDS, CONNECTIONS].map(String),
        "/return/steady",
      ]),
    );
    const samples: number[] = [];
    const timer = setInterval(() => samples.push(residentMiB(sockspan.program.pid)), 1000);
    await client.end();
    clearInterval(timer);
    const load: { sent: number; answered: number; seconds: number } = JSON.parse(client.output);
    // What waits for its settle time leaves within this.
    await new Promise((resolve) => setTimeout(resolve, 7000));
    const metrics = await sockspan.metrics();
    const half = samples.slice(samples.length >> 1);
    return {
      figures: {
        achievedPerSecond: Math.round(load.sent / load.seconds),
        requests: load.answered,
        spansSent: sumOf(metrics, "otelcol_exporter_sent_spans_total"),
        // Events: what other stages lose has other units, and stands in `losses`.
        lost: sumOf(metrics, "sockspan_stage_lost_total", { stage: "ring" }),
        idleMiB,
        peakMiB: Math.max(...samples),
        growthMiBPerMinute: Number((((half.at(-1) ?? 0) - (half[0] ?? 0)) * (60 / half.length)).toFixed(1)),
      },
      losses: lossesByReason(metrics),
    };
  } finally {
    await scratch.cleanUp();
  }
}

function lossesByReason(metrics: readonly Metric[]): Record<string, number> {
  return Object.fromEntries(
    metrics
      .filter(({ name, value }) => name === "sockspan_stage_lost_total" && value > 0)
      .map(({ labels, value }) => [`${labels.get("stage")} ${labels.get("reason")}`, value]),
  );
}

/** Of the broker and all its children: a page that several of them share counts once (Documentation/filesystems/proc.rst, Pss). */
function residentMiB(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const own = Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) / 1024;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
  return Math.round(own + children.reduce((sum, child) => sum + residentMiB(Number(child)), 0));
}
