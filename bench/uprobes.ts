/**
 * What servers keep of their throughput that do much of what uprobes watch, and one that does not need them: bare, without
 * uprobes, and with them as they are by default, so taken off where they cost too much (watch-pace.ts) or
 * are of no use (watch-trial.ts); in the first seconds, and behind them. Rounds are interleaved; the figure is the median.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { freePort } from "../test/support/free-port.ts";
import { startNginx } from "../test/support/nginx.ts";
import { Program } from "../test/support/program.ts";
import { Scratch } from "../test/support/scratch.ts";
import { hasGo } from "../test/support/servers.ts";
import { Sockspan } from "../test/support/sockspan.ts";
import { median } from "./support/median.ts";

const ROUNDS = 5;
const FIRST_SECONDS = 3;
const SECONDS = 4;
const CONNECTIONS = 16;
const AWAITS = fileURLToPath(new URL("programs/awaits.js", import.meta.url));
const CALLS = fileURLToPath(new URL("programs/calls.js", import.meta.url));
const HANDOVERS = "bench/programs/handovers";
const PAUSES = "bench/programs/Pauses.java";
/** Virtual threads are read from 21 on. */
const JAVA = process.env["JAVA"] ?? "/usr/lib/jvm/temurin-25-jdk-amd64/bin/java";

const scratch = await Scratch.create();
try {
  const servers: Record<string, readonly string[]> = {
    "Node, 60 awaits a request": [process.execPath, AWAITS],
    "Node, a call a request": [process.execPath, CALLS],
  };
  if (hasGo()) servers["Go, hand-overs"] = [buildHandovers()];
  else process.stderr.write("no go: its hand-overs are not measured\n");
  if (existsSync(JAVA)) servers["JVM, 60 pauses a request"] = [JAVA, PAUSES];
  else process.stderr.write(`no ${JAVA}: virtual threads are not measured, JAVA=PATH names another one\n`);
  const result: Record<string, Record<string, number>> = {};
  for (const [name, command] of Object.entries(servers)) Object.assign(result, await measureServer(name, command));
  const facts = { bench: "uprobes", rounds: ROUNDS, seconds: SECONDS, connections: CONNECTIONS };
  process.stdout.write(`${JSON.stringify({ ...facts, result }, null, 2)}\n`);
} finally {
  await scratch.cleanUp();
}

function buildHandovers(): string {
  const binary = scratch.path("handovers");
  const built = spawnSync("go", ["build", "-o", binary, "."], {
    cwd: HANDOVERS,
    encoding: "utf8",
    env: { ...process.env, GOTOOLCHAIN: "local", GOWORK: "off" },
  });
  if (built.status !== 0) throw new Error(`go build: ${built.stderr}`);
  return binary;
}

async function measureServer(
  name: string,
  command: readonly string[],
): Promise<Record<string, Record<string, number>>> {
  const samples = new Map<string, Sample[]>([
    ["bare", []],
    ["off", []],
    ["auto", []],
  ]);
  for (let round = 0; round < ROUNDS; round++)
    for (const [mode, all] of samples) all.push(await measure(command, mode));
  const figure = (mode: string, of: keyof Sample) => median(samples.get(mode)!.map((sample) => sample[of]));
  const kept = (mode: string, of: keyof Sample) => Number((figure(mode, of) / figure("bare", of)).toFixed(3));
  return Object.fromEntries(
    [...samples.keys()].map((mode) => [
      `${name}, ${mode}`,
      {
        requestsPerSecond: Math.round(figure(mode, "later")),
        kept: kept(mode, "later"),
        keptAtFirst: kept(mode, "first"),
      },
    ]),
  );
}

/** Requests per second. */
interface Sample {
  readonly first: number;
  readonly later: number;
}

async function measure(command: readonly string[], mode: string): Promise<Sample> {
  const here = await Scratch.create();
  try {
    const nginx = await startNginx(here);
    if (mode !== "bare") await Sockspan.start(here, { receiver: `{ uprobes: ${mode} }` });
    const port = await freePort();
    const ports = [port, nginx.port].map(String);
    here.keep(await Program.start([...command, ...ports], { readyPort: port }));
    return { first: await load(here, port, FIRST_SECONDS), later: await load(here, port, SECONDS) };
  } finally {
    await here.cleanUp();
  }
}

/** @returns requests per second */
async function load(here: Scratch, port: number, seconds: number): Promise<number> {
  const line = ["wrk", "-t", "1", "-c", String(CONNECTIONS), "-d", `${seconds}s`, `http://127.0.0.1:${port}/`];
  const wrk = here.keep(await Program.start(line));
  await wrk.end();
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(wrk.output)?.[1]);
}
