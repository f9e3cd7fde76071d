/** Writes a recording (recording.ts); gzipped when the name ends in `.gz`. */
import { createWriteStream } from "node:fs";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type {
  HandoverEvent,
  IoEvent,
  ProcessEvent,
  SocketDataEvent,
  SocketStateEvent,
  StreamCallEvent,
  UnitEdgeEvent,
  WakeEvent,
} from "../../../bpf/layout.gen.ts";
import { StageAccount } from "../../../mapping/account.ts";
import type { Attribute } from "../../../mapping/span.ts";
import {
  dataLine,
  handoverLine,
  headerLine,
  ioLine,
  lostLine,
  processLine,
  type RecordingHeader,
  resourceLine,
  stateLine,
  streamCallLine,
  unitEdgeLine,
  wakeLine,
} from "./recording.ts";

const FLUSH_BYTES = 256 * 1024;
/** What may wait for a slow disk; beyond it events are dropped and counted. */
const MAXIMUM_WAITING_BYTES = 64 * 1024 * 1024;

interface RecordingOptions {
  readonly isGzip?: boolean;
  /** Once; what comes from then on is counted as lost. */
  readonly onFailure?: (error: Error) => void;
}

export class RecordingWriter {
  /** out: given to the file, or to what compresses for it. */
  readonly account = new StageAccount("recording", "events");
  readonly #file: Writable;
  readonly #out: Writable;
  readonly #resources = new Set<number>();
  readonly #onFailure: (error: Error) => void;
  #lines: string[] = [];
  #bytes = 0;
  /** Of the lines that wait. */
  #events = 0;
  #eventsInWrites = 0;
  #hasFailed = false;

  /** @param target a path, or a stream that the caller opened */
  constructor(target: string | Writable, header: RecordingHeader, options: RecordingOptions = {}) {
    const { isGzip = endsInGz(target), onFailure = () => {} } = options;
    this.#onFailure = onFailure;
    this.#file = typeof target === "string" ? createWriteStream(target) : target;
    this.#out = isGzip ? createGzip({ level: 1 }) : this.#file;
    this.#file.on("error", (error) => this.#fail(error));
    if (this.#out !== this.#file) this.#out.on("error", (error) => this.#fail(error)).pipe(this.#file);
    this.#push(headerLine(header));
  }

  socketData(event: SocketDataEvent, bytes: Uint8Array): void {
    if (this.#take()) this.#push(dataLine(event, bytes));
  }

  socketState(event: SocketStateEvent, name: Uint8Array): void {
    if (this.#take()) this.#push(stateLine(event, name));
  }

  io(event: IoEvent, names: Uint8Array): void {
    if (this.#take()) this.#push(ioLine(event, names));
  }

  process(event: ProcessEvent): void {
    if (this.#take()) this.#push(processLine(event));
  }

  wake(event: WakeEvent): void {
    if (this.#take()) this.#push(wakeLine(event));
  }

  handover(event: HandoverEvent): void {
    if (this.#take()) this.#push(handoverLine(event));
  }

  streamCall(event: StreamCallEvent): void {
    if (this.#take()) this.#push(streamCallLine(event));
  }

  unitEdge(event: UnitEdgeEvent): void {
    if (this.#take()) this.#push(unitEdgeLine(event));
  }

  /** Once per process is enough; later calls for the same tgid are passed over. */
  resource(tgid: number, attributes: readonly Attribute[]): void {
    if (this.#resources.has(tgid)) return;
    this.#resources.add(tgid);
    this.#push(resourceLine(tgid, attributes));
  }

  /** A process is gone, so its tgid may be another's. */
  forget(tgid: number): void {
    this.#resources.delete(tgid);
  }

  /** An event that is not to be written. */
  leaveOut(reason: string): void {
    this.account.addIn();
    this.account.addConsumed(reason);
  }

  lost(reason: string, count: number): void {
    this.#push(lostLine(reason, count));
  }

  /** Where the file has failed there is nothing to wait for. */
  async close(): Promise<void> {
    this.#flush();
    if (!this.#hasFailed) this.#out.end();
    await finished(this.#file).catch((error: Error) => this.#fail(error));
  }

  #take(): boolean {
    this.account.addIn();
    const reason = this.#hasFailed
      ? "write_failed"
      : this.#out.writableLength > MAXIMUM_WAITING_BYTES
        ? "disk_slow"
        : undefined;
    if (reason !== undefined) {
      this.account.addLost(reason);
      return false;
    }
    this.#events += 1;
    return true;
  }

  #fail(error: Error): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.account.addLost("write_failed", this.#eventsInWrites);
    this.#eventsInWrites = 0;
    if (this.#out !== this.#file) this.#out.destroy();
    this.#onFailure(error);
  }

  #push(line: string): void {
    this.#lines.push(line);
    this.#bytes += line.length;
    if (this.#bytes > FLUSH_BYTES) this.#flush();
  }

  #flush(): void {
    if (this.#lines.length === 0) return;
    const events = this.#events;
    const text = `${this.#lines.join("\n")}\n`;
    this.#lines = [];
    this.#bytes = 0;
    this.#events = 0;
    if (this.#hasFailed) {
      this.account.addLost("write_failed", events);
      return;
    }
    this.#eventsInWrites += events;
    this.#out.write(text, (error) => {
      if (error || this.#hasFailed) return;
      this.#eventsInWrites -= events;
      this.account.addOut(events);
    });
  }
}

function endsInGz(target: string | Writable): boolean {
  return typeof target === "string" && target.endsWith(".gz");
}
