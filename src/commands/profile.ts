/** `profile`: stacks of some processes, or of all, for some seconds, into a file for `go tool pprof`. */

import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { formatDurationMs } from "../config-value.ts";
import { escapeText } from "../escape.ts";
import { addConfigOptions, type ConfigOptions } from "../service/command-line/command.ts";
import { durationOption } from "../service/command-line/duration-option.ts";
import { ExitCode } from "../service/command-line/exit-code.ts";
import { loadCommandConfig } from "../service/command-line/load-command-config.ts";
import { ProfileOutput } from "../service/command-line/profile-output.ts";
import { rootCommand } from "../service/command-line/root-command.ts";
import { NotRootError, ProfileOutputError, UsageError } from "../service/error.ts";
import { Logger } from "../service/log.ts";
import type { ProfileProgressEvent } from "../service/worker-settings.ts";
import { ReadyFile } from "./ready-file.ts";
import { RunSession } from "./run-session.ts";
import { exitCodeOfEnd, SessionEnd } from "./session-end.ts";

interface ProfileOptions extends ConfigOptions {
  readonly pid: readonly number[];
  readonly exe: readonly string[];
  readonly duration?: string;
  readonly frequency: string;
  readonly offCpu?: string | true;
  readonly wakerStacks?: true;
  readonly output: string;
  readonly readyFile?: string;
  readonly user: string;
}

const DEFAULT_DURATION_MS = 10_000;
/** The command has had its end; what it sampled last is still in the ring. */
const AFTER_COMMAND_MS = 200;
const LOOK_INTERVAL_MS = 200;

export function profileCommand(command: Command): void {
  addConfigOptions(command)
    .argument("[command...]", "run this and sample it until it ends, behind --")
    .option("--pid <pid>", "sample this process; may be given again", collectPids, [])
    .option("--exe <name>", "sample processes of this executable, a name or a path", collectNames, [])
    .option("--duration <time>", "10s, 5m; else 10s, or until the command ends")
    .option("--frequency <hz>", "samples a second of each busy CPU", "97")
    .option("--off-cpu [threshold]", "also where threads wait, longer than this (1ms)")
    .option("--waker-stacks", "with --off-cpu: above each wait what ended it")
    .option(
      "-o, --output <file>",
      "gzipped pprof, - for stdout; off-CPU samples go into a file of their own beside it",
      "cpu.pb.gz",
    )
    .option("--ready-file <file>", "make this file when sampling has begun")
    .option("--user <user>", "whom the worker becomes: a name or uid:gid", "nobody")
    .action(profile);
}

async function profile(words: readonly string[], options: ProfileOptions): Promise<void> {
  const durationMs = checkedDuration(options, words.length > 0);
  if (process.getuid?.() !== 0) throw new NotRootError(rootCommand(process.argv, process.env));
  for (const pid of options.pid) {
    if (!existsSync(`/proc/${pid}`)) throw new UsageError(`there is no process ${pid}`, "Look for it with pgrep.");
  }
  const periodNano = Math.round(1e9 / checkedFrequency(options));
  const readyFile = ReadyFile.prepare(options.readyFile);
  const output = new ProfileOutput({
    output: options.output,
    hasOffCpu: options.offCpu !== undefined,
    hasCommand: words.length > 0,
  });
  const child = words.length > 0 ? startStopped(words) : undefined;
  const pids = child?.pid === undefined ? options.pid : [...options.pid, child.pid];
  const folder = mkdtempSync(join(tmpdir(), "sockspan-profile-"));
  let isKept = false;
  let watch: NodeJS.Timeout | undefined;
  try {
    // The worker is somebody else, and writes into a folder in it.
    chmodSync(folder, 0o711);
    const parts = join(folder, "parts");
    const progress = new Progress(options, pids, durationMs);
    progress.prepare();
    const session = sessionOf(options, configuration(options, pids, parts), durationMs, progress, () => {
      readyFile?.make();
      child?.kill("SIGCONT");
    });
    child?.on("exit", () => setTimeout(() => session.stop(), AFTER_COMMAND_MS));
    watch = options.exe.length > 0 ? undefined : whenGone(options.pid, () => session.stop());
    const end = await session.run();
    if (end === SessionEnd.done) progress.end(output.keep(parts, periodNano));
    process.exitCode = end === SessionEnd.done ? exitCodeOf(child) : exitCodeOfEnd(end);
  } catch (error) {
    isKept = error instanceof ProfileOutputError;
    throw error;
  } finally {
    clearInterval(watch);
    output.abandon();
    if (!isKept) rmSync(folder, { recursive: true, force: true });
    endCommand(child);
  }
}

function sessionOf(
  options: ProfileOptions,
  yaml: string,
  durationMs: number | undefined,
  progress: Progress,
  onReady: () => void,
): RunSession {
  const { config } = loadCommandConfig({ ...options, config: [...options.config, `yaml:${yaml}`] });
  const write = (line: string) => process.stderr.write(line);
  return new RunSession({
    config,
    log: new Logger({ level: "warn", encoding: "console", write, now: () => new Date() }),
    user: options.user,
    hasSelfTest: false,
    durationMs,
    isQuiet: true,
    onReady: () => {
      progress.begin();
      onReady();
    },
    onProfileProgress: (event) => progress.show(event),
  });
}

/** The command's own, as a shell has it; interrupted before its end: fine. */
function exitCodeOf(child: ChildProcess | undefined): number {
  if (child === undefined) return ExitCode.fine;
  const { exitCode, signalCode } = child;
  return exitCode ?? (signalCode === null ? ExitCode.fine : 128 + constants.signals[signalCode]);
}

/** When the last of these processes has ended, there is nothing more to sample. */
function whenGone(pids: readonly number[], stop: () => void): NodeJS.Timeout | undefined {
  if (pids.length === 0) return undefined;
  const timer = setInterval(() => {
    if (pids.some(isRunning)) return;
    clearInterval(timer);
    setTimeout(stop, AFTER_COMMAND_MS);
  }, LOOK_INTERVAL_MS);
  return timer;
}

/** A zombie is there until its parent looks at it (proc_pid_stat(5): the state follows the name in brackets). */
function isRunning(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/\) [ZX] /.test(text.slice(text.lastIndexOf(")")));
  } catch {
    return false;
  }
}

function checkedDuration({ duration }: ProfileOptions, hasCommand: boolean): number | undefined {
  if (duration === undefined) return hasCommand ? undefined : DEFAULT_DURATION_MS;
  return durationOption("--duration", duration, { allowsZero: false });
}

function checkedFrequency({ frequency }: ProfileOptions): number {
  const hertz = Number(frequency);
  if (Number.isInteger(hertz) && hertz >= 1 && hertz <= 10_000) return hertz;
  throw new UsageError(`--frequency ${frequency} is no number of samples`, "Give one from 1 to 10000.");
}

function collectPids(value: string, before: readonly number[]): number[] {
  const pids = value.split(",").map(Number);
  if (!pids.every((pid) => Number.isSafeInteger(pid) && pid > 0)) {
    throw new UsageError(`--pid ${value} is no process id`, "Give a number, or several with commas.");
  }
  return [...before, ...pids];
}

function collectNames(value: string, before: readonly string[]): string[] {
  return [...before, ...value.split(",")];
}

/** It goes on when sampling has begun, so that its start is sampled too. */
function startStopped(words: readonly string[]): ChildProcess {
  return spawn("/bin/sh", ["-c", 'kill -STOP $$; exec "$@"', "sh", ...words], { stdio: "inherit" });
}

/** Where sampling never began it is still stopped, and would not see the first signal. */
function endCommand(child: ChildProcess | undefined): void {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  child.kill("SIGCONT");
}

/** Pipelines of a given configuration do not hold: everything goes into one file. */
function configuration(options: ProfileOptions, pids: readonly number[], directory: string): string {
  const threshold = options.offCpu === true ? "1ms" : options.offCpu;
  const hasWakers = options.wakerStacks === true;
  if (hasWakers && threshold === undefined) {
    throw new UsageError("--waker-stacks says who ends waits, and none are asked for", "Give --off-cpu too.");
  }
  const offCpu = threshold === undefined ? {} : { off_cpu: { share: 1, threshold, waker_stacks: hasWakers } };
  const include = { pids, executables: options.exe };
  return JSON.stringify({
    receivers: { profile: { sampling_frequency: checkedFrequency(options), include, ...offCpu } },
    exporters: { pprof: { directory, period: "24h" } },
    extensions: {},
    service: {
      extensions: [],
      pipelines: { profiles: { receivers: ["profile"], exporters: ["pprof"] } },
      telemetry: { metrics: { level: "none" } },
    },
  });
}

class Progress {
  readonly #what: string;
  readonly #durationMs: number | undefined;
  #beganMs = 0;
  #last: ProfileProgressEvent | undefined;

  constructor({ exe, frequency }: ProfileOptions, pids: readonly number[], durationMs: number | undefined) {
    const named = [...pids.map((pid) => `process ${pid}`), ...exe];
    this.#what = `${named.length === 0 ? "all processes" : named.join(", ")} at ${frequency} Hz`;
    this.#durationMs = durationMs;
  }

  /** Tables of running programs are read first. */
  prepare(): void {
    if (process.stderr.isTTY) process.stderr.write("preparing");
  }

  begin(): void {
    if (process.stderr.isTTY) process.stderr.write("\r");
    this.#beganMs = performance.now();
    const time =
      this.#durationMs === undefined ? "until the command ends" : `for ${formatDurationMs(this.#durationMs)}`;
    this.#say(`sampling ${this.#what} ${time}`);
  }

  /** On a terminal the line is written over. */
  show(event: ProfileProgressEvent): void {
    this.#last = event;
    if (!process.stderr.isTTY) return;
    const seconds = Math.round((performance.now() - this.#beganMs) / 1000);
    process.stderr.write(`\r${seconds} s, ${event.samples} samples`);
  }

  end(paths: readonly string[]): void {
    const { samples = 0, stacks = 0, completeStacks = 0 } = this.#last ?? {};
    if (process.stderr.isTTY) process.stderr.write("\r");
    if (paths.length === 0) {
      this.#say("nothing was sampled: it did not run, or did nothing; the profile is empty");
      return;
    }
    const share = stacks === 0 ? 100 : (100 * completeStacks) / stacks;
    this.#say(`${samples} samples, ${share.toFixed(1)} % of user stacks complete: ${paths.join(", ")}`);
  }

  #say(text: string): void {
    process.stderr.write(`${escapeText(text)}\n`);
  }
}
