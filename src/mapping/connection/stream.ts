/**
 * One direction of a connection: the bytes in order by their 64-bit offset, whatever order the events come in.
 *
 * What is known is the head (contiguous bytes from `position` on) and, behind it, pieces: bytes that came early, and
 * holes, which are ranges whose length is known and whose bytes are not (a call captured by its prefix only,
 * sendfile). A parser may skip over holes and missing ranges (`consume` more than is there); reading into one is a gap.
 * Memory is bounded by `bufferBytes` and `maxPieces`; every byte that an event named has one fate in the account.
 */
import { EventFlags } from "../../bpf/layout.gen.ts";
import type { StageAccount } from "../account.ts";
import type { EventMeta } from "../event-meta.ts";
import { CALL, CONTINUES, StreamMarks } from "./stream-marks.ts";
import { equalBytes, StreamPieces } from "./stream-pieces.ts";

export interface StreamLimits {
  readonly bufferBytes: number;
  readonly maxPieces: number;
  /** How long an event that is missing may still come. */
  readonly waitNs: number;
}

interface Obstacle {
  /** A range that no event has named; else a hole. */
  readonly isMissing: boolean;
  /** The kernel left it out by its verdict. */
  readonly isLeftOut: boolean;
  readonly waitUntilNs: number;
  /** Of the event behind the missing range, or that has the hole. */
  readonly order: number;
  readonly end: number;
}

const EMPTY = new Uint8Array(0);
const KEPT_STORAGE = 4096;
/** Of frames that the kernel has walked; a parser that skips bodies never comes across it. */
const LEFT_OUT = "left_out";
/** Nobody wants to read these, however many of them come. */
const OF_NO_INTEREST: ReadonlySet<string> = new Set(["unknown_protocol", "upgraded"]);

export class Stream {
  readonly #account: StageAccount;
  readonly #limits: StreamLimits;
  #started = false;
  #position = 0;
  #frontier = 0;
  #storage: Uint8Array = EMPTY;
  #isBorrowed = false;
  #from = 0;
  #length = 0;
  readonly #marks = new StreamMarks();
  readonly #pieces: StreamPieces;
  #skipEnd: EventMeta | undefined;

  constructor(account: StageAccount, limits: StreamLimits) {
    this.#account = account;
    this.#limits = limits;
    this.#pieces = new StreamPieces(account);
  }

  /** Offset of the first byte that is not consumed; beyond all known bytes while a body is skipped. */
  get position(): number {
    return this.#position;
  }

  /** Behind the last byte that any event has named. */
  get knownEnd(): number {
    return this.#frontier;
  }

  get isStarted(): boolean {
    return this.#started;
  }

  /** The first offset that will be seen, for a stream that is picked up after its beginning. */
  start(position: number): void {
    this.#started = true;
    this.#position = position;
    this.#frontier = position;
  }

  /** The bytes at `position`. Valid until the next call of any other method. */
  view(): Uint8Array {
    if (this.#length === 0) return EMPTY;
    if (this.#from === 0 && this.#length === this.#storage.length) return this.#storage;
    return this.#storage.subarray(this.#from, this.#from + this.#length);
  }

  get available(): number {
    return this.#length;
  }

  /** Behind the last byte that an event has named. */
  get frontier(): number {
    return this.#frontier;
  }

  /** The event that carries the byte at `offset`, which is in the view. */
  metaAt(offset: number): EventMeta | undefined {
    return this.#marks.metaAt(offset);
  }

  /** How many frames were left out before the one that starts at the position; negative where none is known to start. */
  get framesLeftOut(): number {
    return this.#marks.kindAt(this.#position);
  }

  /** The first offset in the view, at or after `from`, at which a call or a frame starts; -1 if none. */
  startAt(from: number): number {
    return this.#marks.startAt(from);
  }

  /** How many bytes of the view came with events up to `order`. */
  countUntil(order: number): number {
    const behind = this.#marks.behind(order);
    return behind === undefined ? this.#length : Math.max(0, behind - this.#position);
  }

  /** The event that brought the last byte that was consumed; undefined while that byte has not come. */
  get endMeta(): EventMeta | undefined {
    return this.#skipEnd;
  }

  /**
   * @param offset stream offset of the first byte
   * @param length bytes that the call moved
   * @param bytes the first bytes of them; borrowed until `settle`
   * @param kind what starts at `offset`: see stream-marks.ts
   */
  push(offset: number, length: number, bytes: Uint8Array, meta: EventMeta, flags: number, kind = CALL): void {
    this.#account.addIn(length);
    let start = offset;
    const end = offset + length;
    let captured = bytes.length > length ? bytes.subarray(0, length) : bytes;
    if (flags & EventFlags.conflict) captured = EMPTY;
    let mark = kind;
    // The last byte of what was skipped may have been left out, and this is the first that is told behind it.
    if (start <= this.#position && end >= this.#position) this.#skipEnd ??= meta;
    if (start < this.#position) {
      mark = CONTINUES;
      const below = Math.min(end, this.#position);
      const fresh = Math.max(0, below - Math.max(start, this.#frontier));
      if (fresh > 0) this.#account.addOut(fresh);
      if (below - start > fresh) this.#account.addConsumed("repeat", below - start - fresh);
      captured = captured.length > below - start ? captured.subarray(below - start) : EMPTY;
      start = below;
    }
    if (end > this.#frontier) this.#frontier = end;
    if (start >= end) return;
    if (this.#length + this.#pieces.heldBytes + captured.length > this.#limits.bufferBytes) {
      captured = EMPTY;
      this.#insert(start, end, undefined, meta, CONTINUES, "buffer_full", 0);
    } else if (this.#pieces.length === 0 && start === this.#position + this.#length) {
      if (captured.length > 0) this.#append(captured, meta, mark);
      if (start + captured.length < end) this.#insertHole(start + captured.length, end, meta, flags);
    } else {
      const middle = start + captured.length;
      if (captured.length > 0) this.#insert(start, middle, captured, meta, mark, "", this.#limits.waitNs);
      if (middle < end) this.#insertHole(middle, end, meta, flags);
      this.#drain();
    }
  }

  /** Copies what the caller of `push` lent and nobody consumed. */
  settle(): void {
    if (!this.#isBorrowed) return;
    const rest = this.view();
    this.#isBorrowed = false;
    this.#storage = EMPTY;
    this.#from = 0;
    if (rest.length === 0) return;
    this.#storage = new Uint8Array(Math.max(512, rest.length));
    this.#storage.set(rest);
    this.#length = rest.length;
  }

  /** `count` bytes belong to a message; more than are there: the rest is skipped as it comes. */
  consume(count: number): void {
    this.#advance(count, undefined);
  }

  /** `count` bytes of the view are of no use. */
  discard(count: number, reason: string): void {
    this.#advance(count, reason);
  }

  #advance(count: number, lost: string | undefined): void {
    const target = this.#position + count;
    if (count <= this.#length) {
      this.#skipEnd = count > 0 ? this.metaAt(target - 1) : this.#skipEnd;
      this.#take(count, lost);
      return;
    }
    this.#take(this.#length, lost);
    this.#skipEnd = undefined;
    for (let piece = this.#pieces.first; piece !== undefined && piece.start < target; piece = this.#pieces.first) {
      const end = Math.min(piece.end, target);
      this.#account.addOut(end - piece.start);
      if (piece.end >= target) this.#skipEnd ??= piece.meta;
      this.#pieces.cutFront(end);
    }
    this.#position = target;
    this.#drain();
  }

  /** Passes over what the kernel left out at the position, where that is the start of a frame. @returns whether it did */
  passLeftOut(): boolean {
    if (this.#length > 0) return false;
    let hasPassed = false;
    for (let piece = this.#pieces.first; piece?.reason === LEFT_OUT; piece = this.#pieces.first) {
      if (piece.start > this.#position) break;
      hasPassed = true;
      const { end } = piece;
      this.#account.addOut(end - this.#position);
      this.#skipEnd = piece.meta;
      this.#pieces.cutFront(end);
      this.#position = end;
    }
    if (hasPassed) this.#drain();
    return hasPassed;
  }

  /** undefined: all that is known has been read. Else what stands behind the head, and how long to wait for it. */
  get obstacle(): Obstacle | undefined {
    const piece = this.#pieces.first;
    if (piece === undefined) return undefined;
    const isMissing = piece.start > this.#position + this.#length;
    return {
      isMissing,
      isLeftOut: piece.reason === LEFT_OUT,
      waitUntilNs: piece.waitUntilNs,
      order: piece.meta.order,
      end: isMissing ? piece.start : piece.end,
    };
  }

  get hasObstacle(): boolean {
    return this.#pieces.length > 0;
  }

  get tooManyPieces(): boolean {
    return this.#pieces.length > this.#limits.maxPieces;
  }

  /** Gives up the head and the obstacle behind it. `position` is then at the next bytes that are there, if any. */
  skipObstacle(): void {
    if (this.#length > 0) this.#take(this.#length, "incomplete_message");
    let piece = this.#pieces.first;
    if (piece === undefined) return;
    this.#position = piece.start;
    while (piece !== undefined && piece.bytes === undefined && piece.start === this.#position) {
      this.#account.addLost(piece.reason, piece.end - piece.start);
      const end = piece.end;
      this.#pieces.cutFront(end);
      this.#position = end;
      piece = this.#pieces.first;
    }
    this.#drain();
  }

  /** The connection is over: everything that is still held is lost. */
  end(reason: string): void {
    if (this.#length > 0) this.#take(this.#length, reason);
    for (let piece = this.#pieces.first; piece !== undefined; piece = this.#pieces.first) {
      const size = piece.end - piece.start;
      if (piece.reason === LEFT_OUT) this.#account.addConsumed(LEFT_OUT, size);
      else this.#drop(piece.bytes || OF_NO_INTEREST.has(reason) ? reason : piece.reason, size);
      this.#pieces.cutFront(piece.end);
    }
    this.#isBorrowed = false;
    this.#storage = EMPTY;
  }

  #take(count: number, lost: string | undefined): void {
    if (lost === undefined) this.#account.addOut(count);
    else if (count > 0) this.#drop(lost, count);
    this.#position += count;
    this.#length -= count;
    if (this.#length === 0) {
      this.#from = 0;
      this.#marks.clear();
      if (this.#isBorrowed || this.#storage.length > KEPT_STORAGE) this.#storage = EMPTY;
      this.#isBorrowed = false;
      return;
    }
    this.#from += count;
    this.#marks.dropBefore(this.#position);
  }

  #drop(reason: string, count: number): void {
    if (OF_NO_INTEREST.has(reason)) this.#account.addConsumed(reason, count);
    else this.#account.addLost(reason, count);
  }

  #append(bytes: Uint8Array, meta: EventMeta, kind: number): void {
    this.#marks.add(this.#position + this.#length, meta, kind);
    if (this.#length === 0) {
      this.#storage = bytes;
      this.#isBorrowed = true;
      this.#from = 0;
      this.#length = bytes.length;
      return;
    }
    if (this.#isBorrowed) this.settle();
    const needed = this.#length + bytes.length;
    if (this.#from + needed > this.#storage.length) {
      const storage = needed * 2 > this.#storage.length ? new Uint8Array(Math.max(1024, needed * 2)) : this.#storage;
      // Moving down costs no more than the bytes that were consumed since the last move.
      if (storage === this.#storage) storage.copyWithin(0, this.#from, this.#from + this.#length);
      else storage.set(this.#storage.subarray(this.#from, this.#from + this.#length));
      this.#storage = storage;
      this.#from = 0;
    }
    this.#storage.set(bytes, this.#from + this.#length);
    this.#length = needed;
  }

  #insertHole(start: number, end: number, meta: EventMeta, flags: number): void {
    const { waitNs } = this.#limits;
    if (flags & EventFlags.faulted) this.#insert(start, end, undefined, meta, CONTINUES, "user_fault", waitNs);
    else if (flags & EventFlags.conflict) this.#insert(start, end, undefined, meta, CONTINUES, "conflict", 0);
    else if (flags & EventFlags.frames) this.#insert(start, end, undefined, meta, CONTINUES, LEFT_OUT, 0);
    else this.#insert(start, end, undefined, meta, CONTINUES, "not_captured", 0);
  }

  /** Puts a range where nothing is known yet; where something is, equal bytes fold and different ones are a conflict. */
  #insert(
    start: number,
    end: number,
    bytes: Uint8Array | undefined,
    meta: EventMeta,
    kind: number,
    reason: string,
    wait: number,
  ): void {
    const range = { start, end, bytes, meta, kind, reason, waitUntilNs: meta.timestampNs + wait };
    const headEnd = this.#position + this.#length;
    if (start >= headEnd) {
      this.#pieces.insert(range, start);
      return;
    }
    const to = Math.min(end, headEnd);
    const held = this.#storage.subarray(this.#from + start - this.#position, this.#from + to - this.#position);
    if (bytes === undefined || equalBytes(held, bytes.subarray(0, to - start))) {
      this.#account.addConsumed("repeat", to - start);
    } else {
      this.#account.addLost("conflict", to - start);
      this.#cutHead(start);
    }
    this.#pieces.insert(range, to);
  }

  /** Head bytes from `offset` on can't be trusted: they become a hole. */
  #cutHead(offset: number): void {
    const end = this.#position + this.#length;
    const meta = this.metaAt(offset)!;
    this.#length = offset - this.#position;
    if (this.#length === 0) this.#from = 0;
    this.#marks.cutFrom(offset);
    const hole = { start: offset, end, bytes: undefined, meta, kind: CONTINUES, reason: "conflict", waitUntilNs: 0 };
    this.#pieces.addFirst(hole);
  }

  /** Bytes that came early join the head once what was before them is there. */
  #drain(): void {
    for (;;) {
      const piece = this.#pieces.first;
      if (piece?.bytes === undefined || piece.start !== this.#position + this.#length) return;
      this.#append(piece.bytes, piece.meta, piece.kind);
      this.#pieces.cutFront(piece.end);
    }
  }
}
