/**
 * `npm run profile-truth [-- [--seconds N] NAME...]`: how true profiles are. Each program runs alone, and what sockspan
 * says of it is held against what the program knows: three quarters of its time in heavy(), a quarter in light(); and of
 * servers, which request each burning was for.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../support/free-port.ts";
import { stop } from "../truth/stop.ts";
import { burst } from "./burst.ts";
import { PROGRAMS, type ProfileProgram } from "./programs.ts";
import { readLines, requestIds, samplesOf } from "./read-samples.ts";
import { linksOf, parseBurnings, sharesOf } from "./score.ts";

const IN_FLIGHT = 16;
/** Runtimes are recognised, and threads believed, from their first answers on. */
const WARM_UP_SECONDS = 5;
const READY_MS = 60_000;

const words = process.argv.slice(2);
const secondsAt = words.indexOf("--seconds");
const seconds = secondsAt < 0 ? 20 : Number(words.splice(secondsAt, 2)[1]);
const chosen = words.length === 0 ? PROGRAMS : PROGRAMS.filter(({ name }) => words.includes(name));

for (const program of chosen) {
  const folder = mkdtempSync(join(tmpdir(), "sockspan-profile-truth-"));
  try {
    process.stdout.write(`${program.name.padEnd(14)} ${await measure(program, folder)}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(program: ProfileProgram, folder: string): Promise<string> {
  const command = program.command(join(folder, "bin"));
  if (command === undefined) return "skipped: its compiler or interpreter is not here";
  const port = await freePort();
  const truth = join(folder, "truth");
  const isServer = program.kind === "serve";
  const child = spawn(command[0]!, [...command.slice(1), ...(isServer ? [String(port), truth] : [])], {
    stdio: "ignore",
  });
  let sockspan: ChildProcess | undefined;
  try {
    const output = join(folder, "out.jsonl");
    sockspan = await startSockspan(folder, child.pid!, output);
    const clockOffsetNs = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
    if (isServer) await burst(port, WARM_UP_SECONDS * 1000, IN_FLIGHT);
    else await sleep(1000);
    const startNs = BigInt(Date.now()) * 1_000_000n;
    if (isServer) await burst(port, seconds * 1000, IN_FLIGHT);
    else await sleep(seconds * 1000);
    const endNs = BigInt(Date.now()) * 1_000_000n;
    // As long as a span may be held: what is not settled then never is.
    await sleep(isServer ? 6000 : 1000);
    await stop(sockspan);
    const lines = readLines(output);
    const samples = samplesOf(lines).filter(
      ({ processId, timeUnixNano }) => processId === child.pid && timeUnixNano >= startNs && timeUnixNano < endNs,
    );
    const { complete, heavy, light } = sharesOf(samples);
    const report = [
      `${samples.length} samples`,
      `complete ${percent(complete, samples.length)}`,
      `heavy ${percent(heavy, heavy + light)} (true: ${await trueShare(isServer, truth, startNs - clockOffsetNs)})`,
      `named ${percent(heavy + light, samples.length)}`,
    ];
    if (isServer) {
      const burnings = parseBurnings(readFileSync(truth, "utf8"));
      const { right, wrong, missing } = linksOf(samples, burnings, requestIds(lines), clockOffsetNs);
      report.push(`links: ${right} right, ${wrong} wrong, ${missing} missing`);
    }
    return report.join(", ");
  } finally {
    if (sockspan !== undefined) await stop(sockspan);
    await stop(child);
  }
}

/** heavy() does three times what light() does, as often as requests say. */
async function trueShare(isServer: boolean, truth: string, sinceNs: bigint): Promise<string> {
  if (!isServer) return "75.0 %";
  const burnings = parseBurnings(readFileSync(truth, "utf8")).filter(({ startNs }) => startNs >= sinceNs);
  // The load asks for /heavy with odd ids.
  const heavy = burnings.filter(({ id }) => Number(id) % 2 === 1).length;
  return percent(3 * heavy, 3 * heavy + burnings.length - heavy);
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "- %" : `${((100 * part) / whole).toFixed(1)} %`;
}

async function startSockspan(folder: string, pid: number, output: string): Promise<ChildProcess> {
  const ready = join(folder, "ready");
  const config = join(folder, "config.yaml");
  writeFileSync(
    config,
    `receivers: {profile: {period: 5s, include: {pids: [${pid}]}}, socket_trace: {url_query_parameters: [id]}}
exporters: {file: {path: ${output}}}
service:
  pipelines:
    profiles: {receivers: [profile], exporters: [file]}
    traces: {receivers: [socket_trace], exporters: [file]}
`,
  );
  const args = ["run", "--no-self-test", "--config", config, "--ready-file", ready];
  const child = spawn("bin/sockspan", args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr?.on("data", (chunk) => {
    said = (said + chunk).slice(-8192);
  });
  for (let waited = 0; !existsSync(ready); waited += 50) {
    if (child.exitCode !== null || waited > READY_MS) {
      await stop(child);
      throw new Error(`sockspan did not become ready:\n${said}`);
    }
    await sleep(50);
  }
  return child;
}
