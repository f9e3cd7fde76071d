/**
 * The images whose unwinding rows are in the kernel. Each is compiled once, however many processes have it mapped; when
 * the table is full, the images that nobody has mapped any more leave first, the longest unused one before the others.
 */
import { PROFILE_LAYOUT } from "../../bpf/layout.gen.ts";
import type { CompiledRows } from "./compile-rows.ts";
import { type Range, RangeSpace } from "./range-space.ts";
import type { ImageLayout } from "./read-image.ts";

const ROW_BYTES = PROFILE_LAYOUT.unwind_row.sizeBytes;
const NO_ROWS: Range = { first: 0, count: 0 };

export interface UnwindImage {
  readonly layout: ImageLayout;
  /** Where its rows are; of no length where it has none. */
  readonly rows: Range;
  /** Places in the mapping table that point to its rows. */
  readonly places: Set<number>;
}

/** The array of rows in the kernel. */
export interface RowMemory {
  readonly sizeBytes: number;
  write(offset: number, bytes: Uint8Array): void;
}

export class ImageTable {
  readonly #rows: RowMemory;
  readonly #space: RangeSpace;
  readonly #withdraw: (place: number) => void;
  /** The least recently used first. */
  readonly #images = new Map<string, UnwindImage>();
  /** Images without rows because there was no room. */
  refused = 0;

  /** @param withdraw the rows of the image at this place of the mapping table are gone */
  constructor(rows: RowMemory, withdraw: (place: number) => void, space?: RangeSpace) {
    this.#rows = rows;
    this.#withdraw = withdraw;
    this.#space = space ?? new RangeSpace(Math.floor(rows.sizeBytes / ROW_BYTES));
  }

  get usedRows(): number {
    return this.#space.usedCount;
  }

  find(key: string): UnwindImage | undefined {
    const entry = this.#images.get(key);
    if (entry === undefined) return undefined;
    this.#images.delete(key);
    this.#images.set(key, entry);
    return entry;
  }

  /** @param compiled undefined: the image has no table */
  add(key: string, layout: ImageLayout, compiled: CompiledRows | undefined): UnwindImage {
    const rows = compiled === undefined || compiled.count === 0 ? NO_ROWS : this.#place(compiled);
    const image: UnwindImage = { layout, rows: rows ?? NO_ROWS, places: new Set() };
    // What had no room is tried again when it is met again.
    if (rows !== undefined) this.#images.set(key, image);
    return image;
  }

  #place(compiled: CompiledRows): Range | undefined {
    const rows = this.#space.take(compiled.count);
    if (rows === undefined) {
      this.refused++;
      this.#makeRoom(compiled.count);
      return undefined;
    }
    this.#rows.write(rows.first * ROW_BYTES, compiled.bytes);
    return rows;
  }

  /** What is given back rests before it can be taken. */
  #makeRoom(count: number): void {
    let freed = 0;
    for (const wantsUnused of [true, false]) {
      for (const [key, entry] of this.#images) {
        if (freed >= count) return;
        if (entry.rows.count === 0 || (wantsUnused && entry.places.size > 0)) continue;
        for (const place of entry.places) this.#withdraw(place);
        this.#space.giveBack(entry.rows);
        freed += entry.rows.count;
        this.#images.delete(key);
      }
    }
  }
}
