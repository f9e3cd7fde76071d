/** The perf map of one process, read as it grows: at most some megabytes of it, and not more often than it pays. */
import type { OpenedFile, RefusedFile } from "../../ipc/messages.ts";
import { PerfMap } from "./perf-map.ts";

const SIZE_LIMIT_BYTES = 32 << 20;
const PIECE_BYTES = 256 << 10;
const REFRESH_MS = 500;
/** Without a map there is rarely one later. */
const MISSING_REFRESH_MS = 5000;

interface PerfMapReads {
  open(): Promise<OpenedFile | RefusedFile>;
  read(file: string, offset: number, lengthBytes: number): Promise<Uint8Array>;
  nowMs(): number;
}

export class PerfMapFile {
  readonly #reads: PerfMapReads;
  #map = new PerfMap();
  #file: string | undefined;
  #offset = 0;
  #dueMs = 0;
  #refreshing: Promise<void> | undefined;
  #reason = "late";
  #isMissing = false;

  constructor(reads: PerfMapReads) {
    this.#reads = reads;
  }

  /** Why there are no names: `perf_map_none`, `perf_map_symlink`, `perf_map_other_owner`, `perf_map_too_large`. */
  get reason(): string {
    return this.#reason;
  }

  /** There was none when it was looked for. */
  get isMissing(): boolean {
    return this.#isMissing;
  }

  find(address: number): string | undefined {
    return this.#map.find(address)?.name;
  }

  /** What has come since; at most once in a while. */
  refresh(): Promise<void> {
    if (this.#reads.nowMs() < this.#dueMs) return Promise.resolve();
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #read(): Promise<void> {
    const opened = await this.#reads.open();
    this.#isMissing = "refused" in opened;
    if ("refused" in opened) {
      this.#reason = `perf_map_${opened.refused}`;
      this.#dueMs = this.#reads.nowMs() + MISSING_REFRESH_MS;
      return;
    }
    // Another file, or one that was begun again.
    if (opened.file !== this.#file || opened.sizeBytes < this.#offset) this.#startAnew(opened);
    const end = Math.min(opened.sizeBytes, SIZE_LIMIT_BYTES);
    this.#reason = opened.sizeBytes > SIZE_LIMIT_BYTES ? "perf_map_too_large" : "perf_map_no_entry";
    const startMs = this.#reads.nowMs();
    while (this.#offset < end && !this.#map.isFull) {
      const piece = await this.#reads.read(opened.file, this.#offset, Math.min(PIECE_BYTES, end - this.#offset));
      if (piece.length === 0) break;
      this.#map.append(piece);
      this.#offset += piece.length;
    }
    if (this.#map.isFull) this.#reason = "perf_map_too_large";
    // A process that writes without end gets a twentieth of our time.
    this.#dueMs = this.#reads.nowMs() + Math.max(REFRESH_MS, 20 * (this.#reads.nowMs() - startMs));
  }

  #startAnew({ file }: OpenedFile): void {
    this.#map = new PerfMap();
    this.#file = file;
    this.#offset = 0;
  }
}
