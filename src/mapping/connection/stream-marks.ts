/** Where in the head of a stream each event's bytes begin, and what is known of that place. */
import type { EventMeta } from "../event-meta.ts";

/** A call starts here. */
export const CALL = -1;
/** The middle of a call, and no frame. A number from 0 on: a frame starts here, behind so many that were left out. */
export const CONTINUES = -2;

/** So many places are kept for the next bytes: arrays that shrink and grow with each call cost more than the calls. */
const KEPT = 4;

export class StreamMarks {
  readonly #offsets: number[] = [];
  readonly #metas: EventMeta[] = [];
  readonly #kinds: number[] = [];
  #count = 0;

  add(offset: number, meta: EventMeta, kind: number): void {
    const index = this.#count++;
    this.#offsets[index] = offset;
    this.#metas[index] = meta;
    this.#kinds[index] = kind;
  }

  clear(): void {
    this.#count = 0;
    if (this.#offsets.length > KEPT) this.#truncate(KEPT);
  }

  /** The event that carries the byte at `offset`. */
  metaAt(offset: number): EventMeta | undefined {
    let index = this.#count - 1;
    if (index < 0) return undefined;
    while (index > 0 && this.#offsets[index]! > offset) index--;
    return this.#metas[index];
  }

  /** CALL, or how many frames were left out before the one that starts at `offset`; CONTINUES: nothing starts there. */
  kindAt(offset: number): number {
    for (let index = 0; index < this.#count; index++) if (this.#offsets[index] === offset) return this.#kinds[index]!;
    return CONTINUES;
  }

  /** The first offset, at or after `from`, at which a call or a frame starts; -1 if none. */
  startAt(from: number): number {
    for (let index = 0; index < this.#count; index++) {
      if (this.#offsets[index]! >= from && this.#kinds[index] !== CONTINUES) return this.#offsets[index]!;
    }
    return -1;
  }

  /** The first offset of events after `order`. */
  behind(order: number): number | undefined {
    for (let index = 0; index < this.#count; index++) {
      if (this.#metas[index]!.order > order) return this.#offsets[index]!;
    }
    return undefined;
  }

  /** Bytes before `position` are gone. */
  dropBefore(position: number): void {
    let passed = 0;
    while (passed + 1 < this.#count && this.#offsets[passed + 1]! <= position) passed++;
    if (passed === 0) return;
    this.#truncate(this.#count);
    this.#offsets.splice(0, passed);
    this.#metas.splice(0, passed);
    this.#kinds.splice(0, passed);
    this.#count -= passed;
  }

  /** Bytes from `offset` on are gone. */
  cutFrom(offset: number): void {
    while (this.#count > 0 && this.#offsets[this.#count - 1]! >= offset) this.#count--;
  }

  #truncate(length: number): void {
    this.#offsets.length = length;
    this.#metas.length = length;
    this.#kinds.length = length;
  }
}
