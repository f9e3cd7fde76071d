/**
 * Which thread of a JVM has made an object, and when: by the object's address. A thread makes its objects one above the
 * other in a stretch of the heap that is its own until the next collection (threadLocalAllocBuffer.hpp). Each of its events
 * tells how far it has come, so that an address lies between two of them. Bounded.
 */
import type { EventMeta } from "../../event-meta.ts";
import { JavaRanges, type MadeRange } from "./java-ranges.ts";

/** Of cause_request (CAUSE_JAVA_PLACE). */
const DISTANCES = 2 ** 26;
const WORD_BYTES = 8;
const MAX_THREADS = 4096;
/** The half of them that was told of longest ago is forgotten at once. */
const MAX_STRETCHES = 8192;
const MAX_MARKS = 64;

interface Range {
  readonly start: number;
  readonly end: number;
}

interface Stretch extends Range {
  readonly pid: number;
  /** The last event of the thread before it had this stretch; undefined: none was seen. */
  readonly before: EventMeta | undefined;
  /** How far the thread had come, oldest first; without an event: from there on it is not known behind which. */
  readonly marks: { readonly top: number; readonly order: number; readonly meta: EventMeta | undefined }[];
}

export class JavaHeap {
  #collections = 0;
  /** By address. */
  #stretches: Stretch[] = [];
  /** By thread: its last event, and the start of the stretch that it had then. */
  readonly #last = new Map<number, { readonly meta: EventMeta; readonly start: number }>();
  readonly #ranges = new JavaRanges();

  /** An event of a virtual thread. */
  seen(meta: EventMeta): void {
    this.#ranges.seen(meta);
  }

  /** A virtual thread has made all that lies there. @returns false: that means nothing any more */
  made(range: MadeRange, collections: number): boolean {
    if (!this.#isOfNow(collections)) return false;
    this.#ranges.add(range);
    return true;
  }

  /**
   * An event of a thread tells where its next object will lie.
   *
   * @returns the stretch, where it was not known
   */
  placed(meta: EventMeta): Range | undefined {
    if (!this.#isOfNow(meta.unitCount)) return undefined;
    const top = meta.causeId;
    const start = top - Math.floor(meta.causeRequest / DISTANCES) * WORD_BYTES;
    const end = top + (meta.causeRequest % DISTANCES) * WORD_BYTES;
    const before = this.#lastOf(meta.pid);
    if (this.#last.size >= MAX_THREADS) this.#last.clear();
    this.#last.set(meta.pid, { meta, start });
    let stretch = this.#known(meta.pid, start);
    const isNew = stretch?.end !== end;
    if (stretch === undefined || isNew) {
      // What is left over of a stretch may be given back.
      stretch = { start, end, pid: meta.pid, before: stretch?.before ?? before, marks: stretch?.marks ?? [] };
      this.#add(stretch);
    }
    const { marks } = stretch;
    if (marks.length >= MAX_MARKS) marks.splice(0, MAX_MARKS / 2);
    marks.push({ top, order: meta.order, meta });
    return isNew ? stretch : undefined;
  }

  /** An event of a thread that tells no place, as while the heap is collected: what it makes now may be made before it, or behind. */
  passed({ pid, order }: EventMeta): void {
    const last = this.#last.get(pid);
    if (last === undefined) return;
    this.#last.delete(pid);
    const marks = this.#known(pid, last.start)?.marks;
    const top = marks?.at(-1)?.top;
    if (top !== undefined) marks?.push({ top, order, meta: undefined });
  }

  /**
   * @param meta of the call for the object: its cause
   * @returns the event of its maker after which the object was made; undefined: not known, or not yet
   */
  makingOf(meta: EventMeta): EventMeta | undefined {
    if (!this.#isOfNow(meta.unitCount)) return undefined;
    const { causeId: object, causeRequest: owner } = meta;
    const byVirtualThread = this.#ranges.makingOf(object);
    if (byVirtualThread !== undefined) return byVirtualThread;
    const stretch = this.#stretches[this.#indexOf(object)];
    // A stretch that its thread has had in no event so far.
    if (stretch === undefined || object >= stretch.end) {
      const last = this.#lastOf(owner);
      return last !== undefined && last.order < meta.order ? last : undefined;
    }
    if (owner !== 0 && owner !== stretch.pid) return undefined;
    const after = stretch.marks.findLast(({ top }) => top <= object);
    if (after !== undefined) return after.meta;
    // Older ones may have been forgotten.
    return stretch.marks.length < MAX_MARKS / 2 && stretch.before !== undefined ? stretch.before : undefined;
  }

  /** Events are missing. */
  forget(): void {
    this.#stretches = [];
    this.#last.clear();
    this.#ranges.forget();
  }

  /** The thread's last event; undefined: none, or what is told of the stretch that it had then is forgotten, and may be asked for. */
  #lastOf(pid: number): EventMeta | undefined {
    const last = this.#last.get(pid);
    if (last === undefined || last.meta.unitCount < this.#collections) return last?.meta;
    return this.#known(pid, last.start) === undefined ? undefined : last.meta;
  }

  #known(pid: number, start: number): Stretch | undefined {
    const stretch = this.#stretches[this.#indexOf(start)];
    return stretch?.start === start && stretch.pid === pid ? stretch : undefined;
  }

  /** A collection moves objects, and gives their places to others. */
  #isOfNow(collections: number): boolean {
    if (collections > this.#collections) {
      this.#collections = collections;
      this.#stretches = [];
      this.#ranges.clear();
    }
    return collections === this.#collections;
  }

  /** Of the stretch that begins last at or before the address; -1: none. */
  #indexOf(address: number): number {
    let low = 0;
    let high = this.#stretches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#stretches[middle]!.start <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #forgetOldest(): void {
    const orderOf = ({ marks }: Stretch): number => marks.at(-1)?.order ?? 0;
    const orders = this.#stretches.map(orderOf).sort((one, other) => one - other);
    const middle = orders[orders.length >>> 1] ?? 0;
    this.#stretches = this.#stretches.filter((stretch) => orderOf(stretch) > middle);
  }

  /** Where stretches overlap one was given up, and which objects are whose nobody knows. */
  #add(stretch: Stretch): void {
    if (this.#stretches.length >= MAX_STRETCHES) this.#forgetOldest();
    const index = this.#indexOf(stretch.start) + 1;
    const previous = this.#stretches[index - 1];
    const from = previous !== undefined && previous.end > stretch.start ? index - 1 : index;
    let to = index;
    while (to < this.#stretches.length && this.#stretches[to]!.start < stretch.end) to++;
    this.#stretches.splice(from, to - from, stretch);
  }
}
