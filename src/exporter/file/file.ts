import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../error.ts";
import { StageAccount } from "../../mapping/account.ts";
import { profilesRequestJson } from "../../mapping/otlp/profiles/profiles-json.ts";
import { traceRequestJson } from "../../mapping/otlp/trace-json.ts";
import type { Profile } from "../../mapping/profile.ts";
import type { Span } from "../../mapping/span.ts";
import { DeliveryLog } from "../delivery-log.ts";
import { ExporterFileError } from "../error.ts";
import type { ExporterDeps, ProfileExporter, TraceExporter } from "../exporter.ts";
import { backupPath, pruneBackups } from "./backups.ts";
import { LineWriter } from "./line-writer.ts";
import type { FileSettings } from "./settings.ts";

/** What waits for a slow disk beyond this is lost, and counted. */
const MAX_PENDING_BYTES = 32 * 1_048_576;
/** A flush does not wait for its interval when so much is pending. */
const FLUSH_BYTES = 1_048_576;
const LINE_SPANS = 1_024;

export function createFileExporter(id: string, settings: FileSettings, deps: ExporterDeps): TraceExporter {
  return new FileExporter(id, settings, deps);
}

/** Traces and profiles go into one file, each line of one of them. */
export function createFileExporters(
  id: string,
  settings: FileSettings,
  deps: ExporterDeps,
): { readonly traces: TraceExporter; readonly profiles: ProfileExporter } {
  const traces = new FileExporter(id, settings, deps);
  return { traces, profiles: new FileProfileExporter(traces) };
}

interface PendingLine {
  readonly bytes: Buffer;
  readonly itemCount: number;
  readonly account: StageAccount;
}

/** The file's other signal: opened and closed with the first. */
class FileProfileExporter implements ProfileExporter {
  readonly id: string;
  readonly account: StageAccount;
  readonly #file: FileExporter;

  constructor(file: FileExporter) {
    this.id = file.id;
    this.account = new StageAccount(`exporter/${file.id}`, "profiles");
    this.#file = file;
  }

  start(): Promise<void> {
    return this.#file.start();
  }

  consume(profiles: readonly Profile[]): void {
    this.#file.addProfiles(profiles, this.account);
  }

  shutdown(deadlineMs: number): Promise<void> {
    return this.#file.shutdown(deadlineMs);
  }
}

class FileExporter implements TraceExporter {
  readonly id: string;
  readonly account: StageAccount;
  readonly #settings: FileSettings;
  readonly #deps: ExporterDeps;
  readonly #log: DeliveryLog;
  #writer: LineWriter | undefined;
  #pending: PendingLine[] = [];
  #pendingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  #closed = false;
  #rotationFails = false;
  #opened: Promise<void> | undefined;
  #ended: Promise<void> | undefined;

  constructor(id: string, settings: FileSettings, deps: ExporterDeps) {
    this.id = id;
    this.account = new StageAccount(`exporter/${id}`, "spans");
    this.#settings = settings;
    this.#deps = deps;
    this.#log = new DeliveryLog(deps.log, deps.now);
  }

  start(): Promise<void> {
    this.#opened ??= this.#open(this.#settings.append);
    return this.#opened;
  }

  consume(spans: readonly Span[]): void {
    this.account.addIn(spans.length);
    for (let from = 0; from < spans.length; from += LINE_SPANS) {
      const part = spans.slice(from, from + LINE_SPANS);
      this.#add(part.length, this.account, () => traceRequestJson(part));
    }
    this.#flushSoon();
  }

  addProfiles(profiles: readonly Profile[], account: StageAccount): void {
    account.addIn(profiles.length);
    // One without samples says nothing.
    const full = profiles.filter(({ samples }) => samples.length > 0);
    account.addConsumed("empty", profiles.length - full.length);
    if (full.length > 0) this.#add(full.length, account, () => profilesRequestJson(full));
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#pendingBytes >= FLUSH_BYTES) void this.#flush();
    else if (this.#pending.length > 0) {
      this.#timer ??= setTimeout(() => void this.#flush(), this.#settings.flush_interval);
    }
  }

  /** Of both signals: the first that is shut down waits for what the other has given before. */
  shutdown(deadlineMs: number): Promise<void> {
    this.#ended ??= this.#shutdown(deadlineMs);
    return this.#ended;
  }

  async #shutdown(deadlineMs: number): Promise<void> {
    this.#closed = true;
    const timer = new AbortController();
    const timeout = sleep(deadlineMs, undefined, { signal: timer.signal }).catch(() => undefined);
    const isWritten = await Promise.race([this.#flush().then(() => true), timeout.then(() => false)]);
    timer.abort();
    this.#lose("shutdown", this.#pending.splice(0));
    this.#log.end();
    // A write that hangs still has the descriptor: closed, its number could become another file's.
    if (isWritten) await this.#writer?.close().catch(() => undefined);
  }

  #add(itemCount: number, account: StageAccount, encode: () => string): void {
    if (this.#closed || this.#pendingBytes >= MAX_PENDING_BYTES) {
      const reason = this.#closed ? "shutdown" : "queue_full";
      account.addLost(reason, itemCount);
      this.#log.dropped(reason, itemCount);
      return;
    }
    const bytes = Buffer.from(`${encode()}\n`);
    this.#pending.push({ bytes, itemCount, account });
    this.#pendingBytes += bytes.length;
  }

  /** One at a time; a call while one runs joins it, and that one goes on until nothing is pending. */
  #flush(): Promise<void> {
    this.#flushing ??= this.#writePending().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async #writePending(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#pending.length > 0) {
      const lines = this.#pending.splice(0);
      const bytes = Buffer.concat(lines.map((line) => line.bytes));
      try {
        await this.#rotate(bytes.length);
        if (this.#writer === undefined) throw new Error("the file is not open");
        await this.#writer.write(bytes);
      } catch (error) {
        this.#lose("write_failed", lines, messageOf(error));
        continue;
      }
      this.#pendingBytes -= bytes.length;
      for (const line of lines) line.account.addOut(line.itemCount);
      this.#log.succeeded();
    }
  }

  #lose(reason: string, lines: readonly PendingLine[], detail?: string): void {
    for (const { bytes, itemCount, account } of lines) {
      this.#pendingBytes -= bytes.length;
      account.addLost(reason, itemCount);
      this.#log.dropped(reason, itemCount, detail);
    }
  }

  /** A rotation that fails costs nothing but the limit: the lines go on into the file that is open. */
  async #rotate(addedBytes: number): Promise<void> {
    const { path, rotation } = this.#settings;
    const writer = this.#writer;
    if (rotation === undefined || writer === undefined || writer.sizeBytes === 0) return;
    if (writer.sizeBytes + addedBytes <= rotation.max_megabytes * 1_048_576) return;
    try {
      await this.#deps.files.rename(path, backupPath(path, new Date()));
      await this.#open(false);
      await writer.close();
      await pruneBackups(path, rotation.max_backups, this.#deps.files);
      this.#rotationFails = false;
    } catch (error) {
      if (!this.#rotationFails) this.#deps.log.warn("the file can't be rotated", { path, reason: String(error) });
      this.#rotationFails = true;
    }
  }

  async #open(append: boolean): Promise<void> {
    const { path } = this.#settings;
    try {
      const writer = new LineWriter(await this.#deps.files.open(path, append));
      await writer.start();
      this.#writer = writer;
    } catch (error) {
      throw new ExporterFileError("path", path, error);
    }
  }
}
