/** The two kinds of steps that a tier is made of: a command that is one test, and test files run by mocha. */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ChildOptions } from "./mocha-child.ts";
import { combine, failed, type Outcome } from "./outcome.ts";

const MOCHA_CHILD = fileURLToPath(new URL("mocha-child.js", import.meta.url));
const TEST_FOLDER = "build/test";
/** A build step says with this exit code that it cannot be done here; the last line of its output says why. */
const EXIT_SKIPPED = 77;

export interface CommandStep {
  readonly title: string;
  readonly command: readonly string[];
}

export async function runCommand(step: CommandStep, signal: AbortSignal): Promise<Outcome> {
  const [program = "", ...args] = step.command;
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], signal, killSignal: "SIGKILL" });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => output.push(String(chunk)));
  const code = await exitOf(child, signal);
  const text = output.join("").trimEnd();
  if (code === 0) return { passed: 1, failures: [], skips: [] };
  if (code === EXIT_SKIPPED) {
    return { passed: 0, failures: [], skips: [{ title: step.title, reason: text.split("\n").at(-1) ?? "" }] };
  }
  process.stdout.write(`  FAIL  ${step.title}: ${code}\n${text.split("\n").slice(-80).join("\n")}\n`);
  return failed(step.title, `${step.command.join(" ")}: ${code}`);
}

export interface MochaStep {
  /** Of a path below build/test: `mapping/clock.test.js`. */
  readonly includes: (path: string) => boolean;
  readonly timeoutMs: number;
  readonly eachTest: boolean;
  /** Processes that share the files, at once. Tests that count what the kernel tells need one. */
  readonly processes: number;
}

export async function runMocha(step: MochaStep, signal: AbortSignal, skipReason?: string): Promise<Outcome> {
  const files = testFiles()
    .filter(step.includes)
    .map((path) => `${TEST_FOLDER}/${path}`);
  if (files.length === 0) return failed("test files", "none matches");
  const shares = Array.from({ length: Math.min(step.processes, files.length) }, (_, share) =>
    files.filter((_file, index) => index % step.processes === share),
  );
  return combine(await Promise.all(shares.map((share) => runFiles(share, step, signal, skipReason))));
}

async function runFiles(
  files: readonly string[],
  step: MochaStep,
  signal: AbortSignal,
  skipReason?: string,
): Promise<Outcome> {
  const options: ChildOptions = {
    files,
    timeoutMs: step.timeoutMs,
    eachTest: step.eachTest,
    ...(skipReason === undefined ? {} : { skipReason }),
  };
  const child = spawn(process.execPath, ["--enable-source-maps", MOCHA_CHILD, JSON.stringify(options)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    signal,
    killSignal: "SIGKILL",
  });
  let outcome: Outcome | undefined;
  child.on("message", (message) => {
    outcome = message as Outcome;
  });
  const code = await exitOf(child, signal);
  if (outcome === undefined) return failed("test process", `ended before its tests did: ${code}`);
  if (outcome.passed + outcome.failures.length + outcome.skips.length === 0) {
    return combine([outcome, failed(files.join(" "), "no test ran")]);
  }
  return outcome;
}

function exitOf(child: ReturnType<typeof spawn>, signal: AbortSignal): Promise<number | string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(signal.aborted ? "took too long, was killed" : error.message));
    child.once("close", (code, killedBy) =>
      resolve(signal.aborted ? "took too long, was killed" : (code ?? killedBy ?? -1)),
    );
  });
}

function testFiles(): string[] {
  return readdirSync(TEST_FOLDER, { recursive: true })
    .map(String)
    .filter((path) => path.endsWith(".test.js"))
    .sort();
}
