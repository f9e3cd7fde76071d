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
  UnitEdgeEvent,
  WakeEvent,
} from "../../bpf/layout.gen.ts";
import { StageAccount } from "../../mapping/account.ts";
import type { Attribute } from "../../mapping/span.ts";
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
  unitEdgeLine,
  wakeLine,
} from "./recording.ts";

const FLUSH_BYTES = 256 * 1024;
/** What may wait for a slow disk; beyond it events are dropped and counted. */
const MAXIMUM_WAITING_BYTES = 64 * 1024 * 1024;

export class RecordingWriter {
  readonly account = new StageAccount("recording", "events");
  readonly #file: Writable;
  readonly #out: Writable;
  readonly #resources = new Set<number>();
  #lines: string[] = [];
  #bytes = 0;

  /** @param target a path, or a stream that the caller opened */
  constructor(target: string | Writable, header: RecordingHeader, isGzip = endsInGz(target)) {
    this.#file = typeof target === "string" ? createWriteStream(target) : target;
    this.#out = isGzip ? createGzip({ level: 1 }) : this.#file;
    if (this.#out !== this.#file) this.#out.pipe(this.#file);
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

  lost(reason: string, count: number): void {
    this.#push(lostLine(reason, count));
  }

  async close(): Promise<void> {
    this.#flush();
    this.#out.end();
    await finished(this.#file);
  }

  #take(): boolean {
    this.account.addIn();
    if (this.#out.writableLength > MAXIMUM_WAITING_BYTES) {
      this.account.addLost("disk_slow");
      return false;
    }
    this.account.addOut();
    return true;
  }

  #push(line: string): void {
    this.#lines.push(line);
    this.#bytes += line.length;
    if (this.#bytes > FLUSH_BYTES) this.#flush();
  }

  #flush(): void {
    if (this.#lines.length === 0) return;
    this.#out.write(`${this.#lines.join("\n")}\n`);
    this.#lines = [];
    this.#bytes = 0;
  }
}

function endsInGz(target: string | Writable): boolean {
  return typeof target === "string" && target.endsWith(".gz");
}
