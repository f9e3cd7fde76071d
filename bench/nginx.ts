/**
 * What nginx keeps of its throughput: bare, with the capture alone, and with the whole receiver, all on the same cores. Rounds are
 * interleaved, so that all candidates see the same machine; the figure is the median.
 */
import { fileURLToPath } from "node:url";
import { freePort } from "../test/support/free-port.ts";
import { sumOf } from "../test/support/metrics.ts";
import { startNginx } from "../test/support/nginx.ts";
import { Program } from "../test/support/program.ts";
import { Scratch } from "../test/support/scratch.ts";
import { Sockspan } from "../test/support/sockspan.ts";
import { median } from "./support/median.ts";

const ROUNDS = 3;
const SECONDS = 5;
const CONNECTIONS = 64;
const SINK = fileURLToPath(new URL("programs/otlp-sink.js", import.meta.url));
const CAPTURE = fileURLToPath(new URL("programs/capture-only.js", import.meta.url));

interface Sample {
  readonly requestsPerSecond: number;
  readonly lost: number;
}

/** Says how many events were lost since the start. */
type Losses = () => Promise<number>;

const candidates: Readonly<Record<string, (scratch: Scratch) => Promise<Losses>>> = {
  bare: async () => async () => 0,
  capture: startCapture,
  whole: startWhole,
};

const samples = new Map<string, Sample[]>();
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, start] of Object.entries(candidates)) {
    samples.set(name, [...(samples.get(name) ?? []), await measure(start)]);
  }
}

const medianOf = (name: string): number => median((samples.get(name) ?? []).map((sample) => sample.requestsPerSecond));
const result = Object.fromEntries(
  [...samples].map(([name, all]) => [
    name,
    {
      requestsPerSecond: Math.round(medianOf(name)),
      kept: Number((medianOf(name) / medianOf("bare")).toFixed(3)),
      worst: Math.round(Math.min(...all.map((sample) => sample.requestsPerSecond))),
      best: Math.round(Math.max(...all.map((sample) => sample.requestsPerSecond))),
      lost: all.reduce((sum, { lost }) => sum + lost, 0),
    },
  ]),
);
process.stdout.write(
  `${JSON.stringify({ bench: "nginx", rounds: ROUNDS, seconds: SECONDS, connections: CONNECTIONS, result }, null, 2)}\n`,
);

async function measure(start: (scratch: Scratch) => Promise<Losses>): Promise<Sample> {
  const scratch = await Scratch.create();
  try {
    const nginx = await startNginx(scratch, { workers: 2 });
    const losses = await start(scratch);
    const url = `http://127.0.0.1:${nginx.port}/static/bench`;
    const wrk = scratch.keep(
      await Program.start(["wrk", "-t", "2", "-c", String(CONNECTIONS), "-d", `${SECONDS}s`, url]),
    );
    await wrk.end();
    const requestsPerSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(wrk.output)?.[1]);
    return { requestsPerSecond, lost: await losses() };
  } finally {
    await scratch.cleanUp();
  }
}

async function startCapture(scratch: Scratch): Promise<Losses> {
  const capture = scratch.keep(await Program.start([process.execPath, CAPTURE], { readyOutput: /capturing/ }));
  return async () => {
    capture.signal("SIGTERM");
    await capture.end();
    return Number(/lost (\d+)/.exec(capture.output)?.[1]);
  };
}

async function startWhole(scratch: Scratch): Promise<Losses> {
  const port = await freePort();
  scratch.keep(await Program.start([process.execPath, SINK, String(port)], { readyOutput: /listening/ }));
  const sockspan = await Sockspan.start(scratch, {
    exporters: { otlp_http: `{ endpoint: "http://127.0.0.1:${port}", compression: none }` },
    withoutFile: true,
  });
  return async () => sumOf(await sockspan.metrics(), "sockspan_stage_lost_total", { stage: "ring" });
}
