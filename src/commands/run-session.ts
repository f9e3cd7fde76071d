/** One configuration running: from the start of the broker to the end of the worker. */
import { type Broker, startBroker } from "../broker/broker.ts";
import { escapeText } from "../escape.ts";
import type { Log } from "../log.ts";
import { profileOf, socketTraceOf } from "../service/captures-of.ts";
import { ExitCode, exitCodeOfCode, formatError } from "../service/command-line/exit-code.ts";
import type { Config } from "../service/config/config.ts";
import { bpfFolder, packageVersion, workerEntry } from "../service/package-paths.ts";
import { readyLines } from "../service/ready-lines.ts";
import { SelfTestProcesses } from "../service/self-test/self-test-processes.ts";
import { WORKER_NODE_ARGUMENTS } from "../service/worker-arguments.ts";
import {
  type FailedEvent,
  type ProfileProgressEvent,
  type ReadyEvent,
  type SelfTestEvent,
  WorkerEvent,
  type WorkerSettings,
} from "../service/worker-settings.ts";
import { collectStartUpGarbage } from "../start-up-garbage.ts";
import { EndRequests, SessionEnd, StopOrder } from "./session-end.ts";

/** A service manager kills after 90 s (systemd) or 30 s (Kubernetes). */
const DRAIN_TIMEOUT_MS = 10_000;
/** Beyond the worker's own deadline, for its last words. */
const DRAIN_GRACE_MS = 2000;
/** A span waits at most for `settle`, 5 s by default. */
const SELF_TEST_TIMEOUT_MS = 10_000;

interface RunSessionOptions {
  readonly config: Config;
  readonly log: Log;
  readonly user: string;
  readonly hasSelfTest: boolean;
  /** Ends by itself so long after it is ready. */
  readonly durationMs: number | undefined;
  /** Written before a reload, and gone on with. */
  readonly keptFiles?: readonly string[];
  /** Says nothing of what it attached and where it listens. */
  readonly isQuiet?: boolean;
  /** Without its recording there is no use in going on. */
  readonly isForRecording?: boolean;
  /** What it throws ends the session and comes out of `run`. */
  readonly onReady: () => void;
  readonly onProfileProgress?: (event: ProfileProgressEvent) => void;
  /** At SIGHUP; rejects when the new configuration can't be used. undefined: a terminal that hangs up ends the session. */
  readonly reload?: () => Promise<void>;
}

export class RunSession {
  readonly #options: RunSessionOptions;
  #selfTest: SelfTestProcesses | undefined;
  #broker: Broker | undefined;
  readonly #requests = new EndRequests();
  #failure: { readonly error: unknown } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #selfTestTimer: NodeJS.Timeout | undefined;

  constructor(options: RunSessionOptions) {
    this.#options = options;
  }

  async run(): Promise<SessionEnd> {
    const { config, log, user, hasSelfTest, keptFiles = [] } = this.#options;
    const listeners = this.#listenToSignals();
    try {
      // Before the broker: what it starts later is left out of tracing.
      this.#selfTest = hasSelfTest ? new SelfTestProcesses() : undefined;
      const settings: WorkerSettings = {
        version: packageVersion(),
        source: config.source,
        selfTestPids: this.#selfTest?.pids ?? [],
        drainTimeoutMs: DRAIN_TIMEOUT_MS,
        keptFiles,
      };
      this.#broker = await startBroker({
        objectPath: `${bpfFolder}socket_trace.bpf.o`,
        socketTrace: socketTraceOf(config),
        profilerPath: `${bpfFolder}perf_profiler.bpf.o`,
        profile: profileOf(config),
        workerEntry,
        workerNodeArguments: WORKER_NODE_ARGUMENTS,
        workerSettings: settings,
        user,
        files: [],
        log,
        onWorkerEvent: (name, value) => this.#hear(name, value),
      });
      if (this.#requests.end !== undefined) this.#drain();
      const { code, signal } = await this.#broker.workerExit;
      if (this.#failure !== undefined) throw this.#failure.error;
      const { end } = this.#requests;
      if (end === undefined) {
        log.error("the worker ended by itself", { code: code ?? undefined, signal: signal ?? undefined });
        return SessionEnd.failed;
      }
      if (signal === null) return end;
      log.error("the worker was ended before it had drained: what it held is lost", { signal });
      return end === SessionEnd.done ? SessionEnd.failed : end;
    } finally {
      clearTimeout(this.#timer);
      this.#endSelfTest();
      // Later: where a reload follows, its session listens by then. With nobody, the next signal would end the process.
      setImmediate(() => {
        for (const [signal, listener] of listeners) process.off(signal, listener);
      });
    }
  }

  /** Ends it as its duration would. */
  stop(): void {
    if (this.#requests.isFinal) return;
    this.#requests.ask(SessionEnd.done);
    this.#options.log.info("ending");
    this.#drain();
  }

  #listenToSignals(): readonly (readonly [NodeJS.Signals, () => void])[] {
    const listeners = [
      ["SIGTERM", () => this.#stopSignal()],
      ["SIGINT", () => this.#stopSignal()],
      ["SIGHUP", () => void this.#hangUp()],
    ] as const;
    for (const [signal, listener] of listeners) process.on(signal, listener);
    return listeners;
  }

  #stopSignal(): void {
    const order = this.#requests.stopSignal();
    if (order === StopOrder.force) process.exit(ExitCode.failed);
    this.#options.log.info(order === StopOrder.drain ? "ending" : "it ends already; a second signal does not wait");
    this.#drain();
  }

  /** The broker drains once, however often it is told. */
  #drain(): void {
    void this.#broker?.stop(DRAIN_TIMEOUT_MS + DRAIN_GRACE_MS);
  }

  async #hangUp(): Promise<void> {
    const { log, reload } = this.#options;
    if (this.#requests.isFinal) {
      log.info("it ends already, nothing is reloaded");
      return;
    }
    if (reload === undefined) {
      this.stop();
      return;
    }
    try {
      await reload();
    } catch (error) {
      log.error("the new configuration can't be used, the old one stays");
      process.stderr.write(formatError(error));
      return;
    }
    // It may have been told to end meanwhile.
    if (this.#requests.isFinal) return;
    log.info("reloading");
    this.#requests.ask(SessionEnd.reload);
    this.#drain();
  }

  #hear(name: string, value: unknown): void {
    if (name === WorkerEvent.ready) this.#ready(value as ReadyEvent);
    else if (name === WorkerEvent.recordingFailed) this.#recordingFailed(value as FailedEvent);
    else if (name === WorkerEvent.selfTest) this.#showSelfTest(value as SelfTestEvent);
    else if (name === WorkerEvent.profileProgress) {
      this.#options.onProfileProgress?.(value as ProfileProgressEvent);
    } else if (name === WorkerEvent.failed) this.#failed(value as FailedEvent);
  }

  #ready(event: ReadyEvent): void {
    // It was told to end while it started.
    if (this.#requests.end !== undefined) return;
    const { config, durationMs, onReady, isQuiet = false } = this.#options;
    const attachments = {
      attachment: this.#broker?.attachment,
      profileAttachment: this.#broker?.profileAttachment,
    };
    if (!isQuiet) process.stderr.write(`${readyLines(event, attachments, config).join("\n")}\n`);
    try {
      onReady();
    } catch (error) {
      this.#failure = { error };
      this.#requests.ask(SessionEnd.failed);
      this.#drain();
      return;
    }
    collectStartUpGarbage();
    if (durationMs !== undefined) this.#timer = setTimeout(() => this.stop(), durationMs);
    void this.#exchange();
  }

  async #exchange(): Promise<void> {
    if (this.#selfTest === undefined) return;
    try {
      await this.#selfTest.exchange();
      this.#selfTestTimer = setTimeout(() => {
        this.#options.log.warn("the self-test's exchange was made but not captured: see `sockspan doctor`");
        this.#endSelfTest();
      }, SELF_TEST_TIMEOUT_MS);
    } catch (error) {
      this.#options.log.warn("the self-test's exchange failed, capturing goes on", { error: String(error) });
      this.#endSelfTest();
    }
  }

  #endSelfTest(): void {
    clearTimeout(this.#selfTestTimer);
    this.#selfTest?.end();
    this.#selfTest = undefined;
  }

  #showSelfTest({ lines }: SelfTestEvent): void {
    this.#endSelfTest();
    const shown = lines.map((line) => `  ${escapeText(line)}`);
    process.stderr.write(
      `self-test: this exchange of our own was captured (shown here, never exported)\n${shown.join("\n")}\n`,
    );
  }

  /** The worker has logged it; where the recording is all that is wanted it is the end. */
  #recordingFailed(event: FailedEvent): void {
    if (this.#options.isForRecording !== true) return;
    this.#failed(event);
    this.#requests.fail();
    this.#drain();
  }

  #failed({ code, message, advice }: FailedEvent): void {
    process.stderr.write(
      `sockspan: ${message
        .split("\n")
        .map((line) => escapeText(line))
        .join("\n")} [${code}]\n${escapeText(advice)}\n`,
    );
    this.#requests.ask(exitCodeOfCode(code) === ExitCode.wrongUse ? SessionEnd.refused : SessionEnd.failed);
  }
}
