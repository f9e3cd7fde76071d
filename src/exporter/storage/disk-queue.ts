/**
 * A queue's requests in files of a folder (segment.ts). A request is written before it counts as accepted, and what has come
 * to its end is noted; so each is sent at least once, and twice only where the end came between the server's answer and the
 * note of it.
 */
import {
  closeSync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writevSync,
} from "node:fs";
import { messageOf } from "../../error.ts";
import type { Log } from "../../log.ts";
import type { RequestStore, StoredRequest } from "../request-store.ts";
import type { QueuedRequest } from "../send-outcome.ts";
import {
  RECORD_HEADER_BYTES,
  readBody,
  recordHeader,
  type SegmentRecord,
  scanSegment,
  segmentHeader,
} from "./segment.ts";

/** A file of finished requests is deleted as a whole. */
const SEGMENT_BYTES = 16 * 1_048_576;
const SEGMENT_NAME = /^(\d{8})\.queue$/;
const MODE = 0o600;

export interface DiskQueueOptions {
  /** Exists, and is ours to write. */
  readonly folder: string;
  readonly format: string;
  /** Each request reaches the disk itself before it counts. */
  readonly fsync: boolean;
  readonly log: Log;
  readonly segmentBytes?: number;
}

interface Segment {
  readonly number: number;
  readonly fd: number;
  /** Where the next request goes. */
  sizeBytes: number;
  count: number;
  pending: number;
}

interface DiskRequest extends StoredRequest, SegmentRecord {
  readonly segment: Segment;
  /** Its number in the segment. */
  readonly index: number;
}

export class DiskQueue implements RequestStore {
  readonly #options: DiskQueueOptions;
  readonly #segmentBytes: number;
  readonly earlier: readonly StoredRequest[];
  damagedItems = 0;
  #next = 1;
  #current: Segment | undefined;
  #isRefused = false;

  /** @throws Error of the file system */
  constructor(options: DiskQueueOptions) {
    this.#options = options;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.earlier = this.#load();
  }

  put({ body, itemCount }: QueuedRequest<Uint8Array>): StoredRequest | undefined {
    const header = recordHeader(body, itemCount);
    try {
      const segment = this.#segmentFor(RECORD_HEADER_BYTES + body.length);
      const offset = segment.sizeBytes + RECORD_HEADER_BYTES;
      this.#append(segment, header.bytes, body);
      const request: DiskRequest = {
        segment,
        index: segment.count,
        offset,
        sizeBytes: body.length,
        itemCount,
        crc: header.crc,
      };
      segment.count++;
      segment.pending++;
      this.#isRefused = false;
      return request;
    } catch (error) {
      if (!this.#isRefused) {
        const reason = messageOf(error);
        this.#options.log.warn("the disk queue takes no more: what comes is held in memory alone", { reason });
      }
      this.#isRefused = true;
      return undefined;
    }
  }

  read(request: StoredRequest): Uint8Array | undefined {
    const { segment, ...record } = request as DiskRequest;
    let reason = "its checksum is wrong";
    try {
      const body = readBody(segment.fd, record);
      if (body !== undefined) return body;
    } catch (error) {
      reason = messageOf(error);
    }
    const { offset, itemCount } = record;
    this.#options.log.error("a request of the disk queue is damaged", {
      file: this.#path(segment.number, "queue"),
      offset,
      items: itemCount,
      reason,
    });
    return undefined;
  }

  remove(request: StoredRequest): void {
    const { segment, index } = request as DiskRequest;
    segment.pending--;
    if (segment.pending === 0 && segment !== this.#current) {
      this.#discard(segment);
      return;
    }
    try {
      this.#note(segment.number, index);
    } catch (error) {
      const reason = messageOf(error);
      this.#options.log.warn("the disk queue can't note what was sent: another run sends it again", { reason });
    }
  }

  close(): void {
    if (this.#current?.pending === 0) this.#discard(this.#current);
    this.#current = undefined;
  }

  #path(number: number, kind: "queue" | "done"): string {
    return `${this.#options.folder}/${String(number).padStart(8, "0")}.${kind}`;
  }

  #load(): DiskRequest[] {
    const numbers = readdirSync(this.#options.folder).flatMap((name) => SEGMENT_NAME.exec(name)?.[1] ?? []);
    const found = numbers.sort().flatMap((name) => this.#loadSegment(Number(name)));
    this.#next = Number(numbers.at(-1) ?? 0) + 1;
    return found;
  }

  #loadSegment(number: number): DiskRequest[] {
    const path = this.#path(number, "queue");
    const fd = openSync(path, "r");
    const { format, records, cutBytes } = scanSegment(fd);
    const done = this.#doneOf(number);
    if (format !== this.#options.format) {
      for (const [index, { itemCount }] of records.entries()) if (!done.has(index)) this.damagedItems += itemCount;
      this.#setAside(path, format === undefined ? "it is none of its files" : `its requests are ${format}`);
      closeSync(fd);
      return [];
    }
    if (cutBytes > 0) this.#options.log.warn("a file of the disk queue ends in the middle", { file: path, cutBytes });
    const segment: Segment = { number, fd, sizeBytes: 0, count: records.length, pending: 0 };
    const left = records.flatMap((record, index) => (done.has(index) ? [] : [{ ...record, segment, index }]));
    segment.pending = left.length;
    if (left.length === 0) this.#discard(segment);
    return left;
  }

  /** Left for whoever wants to look. */
  #setAside(path: string, reason: string): void {
    renameSync(path, `${path}.unreadable`);
    rmSync(path.replace(/queue$/, "done"), { force: true });
    this.#options.log.error("a file of the disk queue can't be used, and is set aside", {
      file: `${path}.unreadable`,
      reason,
    });
  }

  #doneOf(number: number): ReadonlySet<number> {
    const done = new Set<number>();
    let bytes: Buffer;
    try {
      bytes = readFileSync(this.#path(number, "done"));
    } catch {
      return done; // Nothing of it was sent.
    }
    for (let at = 0; at + 4 <= bytes.length; at += 4) done.add(bytes.readUInt32LE(at));
    return done;
  }

  #segmentFor(lengthBytes: number): Segment {
    const current = this.#current;
    if (current !== undefined && current.sizeBytes + lengthBytes <= this.#segmentBytes) return current;
    if (current?.pending === 0) this.#discard(current);
    this.#current = undefined;
    const number = this.#next++;
    const path = this.#path(number, "queue");
    const segment: Segment = { number, fd: openSync(path, "wx+", MODE), sizeBytes: 0, count: 0, pending: 0 };
    try {
      this.#append(segment, segmentHeader(this.#options.format));
    } catch (error) {
      this.#discard(segment);
      throw error;
    }
    this.#current = segment;
    return segment;
  }

  /** All or nothing. */
  #append(segment: Segment, ...parts: readonly Uint8Array[]): void {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    try {
      const written = writevSync(segment.fd, [...parts], segment.sizeBytes);
      if (written < length) throw new Error(`the disk took ${written} of ${length} bytes`);
      if (this.#options.fsync) fdatasyncSync(segment.fd);
      segment.sizeBytes += length;
    } catch (error) {
      ftruncateSync(segment.fd, segment.sizeBytes);
      throw error;
    }
  }

  #note(number: number, index: number): void {
    const entry = Buffer.alloc(4);
    entry.writeUInt32LE(index);
    const fd = openSync(this.#path(number, "done"), "a", MODE);
    try {
      writevSync(fd, [entry]);
    } finally {
      closeSync(fd);
    }
  }

  #discard(segment: Segment): void {
    closeSync(segment.fd);
    rmSync(this.#path(segment.number, "queue"), { force: true });
    rmSync(this.#path(segment.number, "done"), { force: true });
  }
}
