/**
 * /tmp/perf-PID.map (linux, tools/perf/Documentation/jit-interface.txt): `START SIZE name` in hex, written by a runtime
 * as it compiles. Entries only come; a later one is where the earlier code no longer is.
 */
import { upperBound } from "./function-table.ts";

const ENTRY_LIMIT = 300_000;
const LINE_LIMIT_BYTES = 4096;
/** New entries are looked through one by one until there are so many. */
const RECENT_LIMIT = 512;
/** Code that moved may leave entries that overlap: so far back the latest is looked for. */
const OVERLAP_DISTANCE = 16;
const MAX_SIZE = 1 << 30;

interface Entry {
  readonly start: number;
  readonly end: number;
  readonly sequence: number;
  readonly name: string;
}

export class PerfMap {
  #sorted: Entry[] = [];
  #starts = new Float64Array();
  #recent: Entry[] = [];
  #rest = "";
  #sequence = 0;
  #refusedLines = 0;

  get count(): number {
    return this.#sorted.length + this.#recent.length;
  }

  /** Lines that were none, or too many. */
  get refusedLines(): number {
    return this.#refusedLines;
  }

  /** What the file has grown by. */
  append(bytes: Uint8Array): void {
    const text = this.#rest + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
    let from = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      if (end > from) this.#line(text.slice(from, end));
      from = end + 1;
    }
    this.#rest = text.slice(from);
    // A line without an end is no line.
    if (this.#rest.length > LINE_LIMIT_BYTES) {
      this.#rest = this.#rest.slice(0, LINE_LIMIT_BYTES);
    }
  }

  /** Nothing more is kept. */
  get isFull(): boolean {
    return this.count >= ENTRY_LIMIT;
  }

  find(address: number): { readonly name: string; readonly start: number } | undefined {
    if (this.#recent.length > RECENT_LIMIT) this.#merge();
    for (let i = this.#recent.length - 1; i >= 0; i--) {
      const entry = this.#recent[i]!;
      if (address >= entry.start && address < entry.end) return entry;
    }
    const last = upperBound(this.#starts, address) - 1;
    let best: Entry | undefined;
    for (let i = last; i >= 0 && i > last - OVERLAP_DISTANCE; i--) {
      const entry = this.#sorted[i]!;
      if (address < entry.end && (best === undefined || entry.sequence > best.sequence)) best = entry;
    }
    return best;
  }

  #line(line: string): void {
    if (this.isFull) {
      this.#refusedLines++;
      return;
    }
    const [, start, size, name] = /^(?:0x)?([0-9a-fA-F]{1,16}) +(?:0x)?([0-9a-fA-F]{1,8}) +(.+)$/.exec(line) ?? [];
    const from = Number.parseInt(start ?? "", 16);
    const sizeBytes = Number.parseInt(size ?? "", 16);
    if (name === undefined || !Number.isSafeInteger(from) || !(sizeBytes > 0 && sizeBytes < MAX_SIZE)) {
      this.#refusedLines++;
      return;
    }
    this.#recent.push({
      start: from,
      end: from + sizeBytes,
      sequence: this.#sequence++,
      // V8 writes UTF-8.
      name: Buffer.from(name.slice(0, LINE_LIMIT_BYTES), "latin1").toString("utf8"),
    });
  }

  #merge(): void {
    const all = [...this.#sorted, ...this.#recent].sort((a, b) => a.start - b.start || a.sequence - b.sequence);
    // Of entries with one start the latest counts.
    this.#sorted = all.filter((entry, index) => all[index + 1]?.start !== entry.start);
    this.#starts = Float64Array.from(this.#sorted, ({ start }) => start);
    this.#recent = [];
  }
}
