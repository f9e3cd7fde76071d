/** sockspan under measurement: started for one program, its spans read from its file while it runs. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SpanLog } from "./span-log.ts";
import { stop } from "./stop.ts";
import type { TruthSpan } from "./truth-span.ts";

const ROOT = join(import.meta.dirname, "../../..");
const READY_MS = 120_000;
const SAID_CHARACTERS = 8192;
/** Longer than `settle`: what is held leaves by itself, as for a user; SIGTERM would force it. */
const SETTLED_MS = 6_500;

export class Tracer {
  readonly #child: ChildProcess;
  readonly #log: SpanLog;

  private constructor(child: ChildProcess, log: SpanLog) {
    this.#child = child;
    this.#log = log;
  }

  /** Resolves when it captures. @param folder its own, for configuration, spans and log */
  static async start(folder: string, settings: readonly string[]): Promise<Tracer> {
    const config = join(folder, "config.yaml");
    const ready = join(folder, "ready");
    const spans = join(folder, "spans.jsonl");
    writeFileSync(
      config,
      `receivers: {socket_trace: {}}
exporters: {file: {path: ${spans}}}
service: {pipelines: {traces: {receivers: [socket_trace], exporters: [file]}}}
`,
    );
    const args = ["run", "--config", config, "--ready-file", ready, ...settings.flatMap((value) => ["--set", value])];
    const log = join(folder, "log");
    const logFd = openSync(log, "w");
    const child = spawn(join(ROOT, "bin/sockspan"), args, { stdio: ["ignore", "ignore", logFd] });
    closeSync(logFd);
    for (let waited = 0; !existsSync(ready); waited += 50) {
      if (child.exitCode !== null || waited > READY_MS) {
        await stop(child);
        throw new Error(`sockspan did not become ready:\n${readFileSync(log, "utf8").slice(-SAID_CHARACTERS)}`);
      }
      await sleep(50);
    }
    return new Tracer(child, new SpanLog(spans));
  }

  /** Waits until so many spans of each prefix are there, or until nothing can be held any more. */
  async settled(expected: ReadonlyMap<string, number>): Promise<void> {
    const deadline = Date.now() + SETTLED_MS;
    while (Date.now() < deadline) {
      this.#log.read();
      if ([...expected].every(([prefix, count]) => this.spansOf(prefix).length >= count)) return;
      await sleep(200);
    }
  }

  spansOf(prefix: string): readonly TruthSpan[] {
    return this.#log.spansOf(prefix);
  }

  async stop(): Promise<void> {
    await stop(this.#child);
    this.#log.read();
    this.#log.close();
  }
}
