/**
 * Which virtual thread of a JVM has made an object, and when: by the object's address. A carrier allocates for whichever it has
 * mounted, so the kernel's programs tell of each part of the heap that one alone has filled (bpf/socket/java_mount.bpf.h), just before
 * the thread's next event. Bounded.
 */
import { makeRoom } from "../../../make-room.ts";
import type { EventMeta } from "../../event-meta.ts";
import { unitKeyOf } from "../unit.ts";

export interface MadeRange {
  readonly start: number;
  readonly end: number;
  /** Key of the unit. */
  readonly unit: number;
}

interface Made extends MadeRange {
  /** The unit's last event before; undefined: none was seen. */
  readonly before: EventMeta | undefined;
}

const MAX_UNITS = 16_384;
/** Twice as many are kept: the older ones as long as the newer ones fill up. */
const MAX_RANGES = 8192;
/** Ranges are found by the blocks of the heap that they lie in. */
const BLOCK_BYTES = 16_384;
/** Of one range: what is longer is mostly one array. */
const MAX_BLOCKS = 256;

export class JavaRanges {
  /** By unit: its last event. */
  readonly #last = new Map<number, EventMeta>();
  /** By block. */
  #newer = new Map<number, Made[]>();
  #older = new Map<number, Made[]>();
  #count = 0;

  /** An event of a virtual thread. */
  seen(meta: EventMeta): void {
    const key = unitKeyOf(meta);
    this.#last.delete(key);
    makeRoom(this.#last, MAX_UNITS);
    this.#last.set(key, meta);
  }

  add({ start, end, unit }: MadeRange): void {
    if (this.#count >= MAX_RANGES) {
      this.#older = this.#newer;
      this.#newer = new Map();
      this.#count = 0;
    }
    this.#count++;
    const made = { start, end, unit, before: this.#last.get(unit) };
    for (const block of blocksOf(made)) {
      const others = this.#newer.get(block);
      if (others === undefined) this.#newer.set(block, [made]);
      else others.push(made);
    }
  }

  /** @returns the event of the maker after which the object was made; undefined: not known, or not yet */
  makingOf(object: number): EventMeta | undefined {
    const block = blockOf(object);
    const isIn = ({ start, end }: Made) => object >= start && object < end;
    const found = this.#newer.get(block)?.find(isIn) ?? this.#older.get(block)?.find(isIn);
    return found?.before;
  }

  /** Addresses mean nothing any more. */
  clear(): void {
    this.#newer.clear();
    this.#older.clear();
    this.#count = 0;
  }

  /** Events are missing. */
  forget(): void {
    this.clear();
    this.#last.clear();
  }
}

export function blockOf(address: number): number {
  return Math.floor(address / BLOCK_BYTES);
}

/** Of a range, but for what lies far from its start. */
export function* blocksOf({ start, end }: { readonly start: number; readonly end: number }): Generator<number> {
  const first = blockOf(start);
  const last = Math.min(blockOf(end - 1), first + MAX_BLOCKS - 1);
  for (let block = first; block <= last; block++) yield block;
}
