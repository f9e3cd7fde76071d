/**
 * One direction of a connection: the bytes in order by their 64-bit offset, whatever order the events come in.
 *
 * What is known is the head (contiguous bytes from `position` on) and, behind it, pieces: bytes that came early, and
 * holes, which are ranges whose length is known and whose bytes are not (a call captured by its prefix only,
 * sendfile). A parser may skip over holes and missing ranges (`consume` more than is there); reading into one is a gap.
 * Memory is bounded by `bufferBytes` and `maxPieces`; every byte that an event named has one fate in the account.
 */
import { EventFlags } from "../bpf/layout.gen.ts";
import type { StageAccount } from "./account.ts";
import type { EventMeta } from "./event-meta.ts";

export interface StreamLimits {
  readonly bufferBytes: number;
  readonly maxPieces: number;
  /** How long an event that is missing may still come. */
  readonly waitNs: number;
}

interface Piece {
  start: number;
  end: number;
  /** undefined: a hole. */
  bytes: Uint8Array | undefined;
  readonly meta: EventMeta;
  /** Why a hole is one. */
  readonly reason: string;
  /** When the wait for the range before it, or for the bytes of a hole that can still be filled, ends. */
  readonly waitUntilNs: number;
}

export interface Obstacle {
  /** A range that no event has named; else a hole. */
  readonly isMissing: boolean;
  readonly waitUntilNs: number;
  /** Of the event behind the missing range, or that has the hole. */
  readonly order: number;
}

const EMPTY = new Uint8Array(0);
const KEPT_STORAGE = 4096;

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
  #markOffsets: number[] = [];
  #markMetas: EventMeta[] = [];
  #pieces: Piece[] = [];
  #pieceBytes = 0;
  #skipEnd: EventMeta | undefined;

  constructor(account: StageAccount, limits: StreamLimits) {
    this.#account = account;
    this.#limits = limits;
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

  /** The event that carries the byte at `offset`, which is in the view. */
  metaAt(offset: number): EventMeta | undefined {
    const offsets = this.#markOffsets;
    let index = offsets.length - 1;
    if (index <= 0) return this.#markMetas[0];
    while (index > 0 && offsets[index]! > offset) index--;
    return this.#markMetas[index];
  }

  /** The first offset in the view, at or after `from`, at which a call starts; -1 if none. */
  callStartAt(from: number): number {
    for (const offset of this.#markOffsets) if (offset >= from) return offset;
    return -1;
  }

  /** How many bytes of the view came with events up to `order`. */
  countUntil(order: number): number {
    const index = this.#markMetas.findIndex((meta) => meta.order > order);
    return index < 0 ? this.#length : Math.max(0, this.#markOffsets[index]! - this.#position);
  }

  /** The event that brought the last byte that was consumed; undefined while that byte has not come. */
  get endMeta(): EventMeta | undefined {
    return this.#skipEnd;
  }

  /**
   * @param offset stream offset of the first byte
   * @param length bytes that the call moved
   * @param bytes the first bytes of them; borrowed until `settle`
   */
  push(offset: number, length: number, bytes: Uint8Array, meta: EventMeta, flags: number): void {
    this.#account.addIn(length);
    let start = offset;
    const end = offset + length;
    let captured = bytes.length > length ? bytes.subarray(0, length) : bytes;
    if (flags & EventFlags.conflict) captured = EMPTY;
    if (start < this.#position) {
      const below = Math.min(end, this.#position);
      const fresh = Math.max(0, below - Math.max(start, this.#frontier));
      if (fresh > 0) this.#account.addOut(fresh);
      if (below - start > fresh) this.#account.addConsumed("repeat", below - start - fresh);
      if (end >= this.#position) this.#skipEnd ??= meta;
      captured = captured.length > below - start ? captured.subarray(below - start) : EMPTY;
      start = below;
    }
    if (end > this.#frontier) this.#frontier = end;
    if (start >= end) return;
    if (this.#length + this.#pieceBytes + captured.length > this.#limits.bufferBytes) {
      captured = EMPTY;
      this.#insert(start, end, undefined, meta, "buffer_full", 0);
    } else if (this.#pieces.length === 0 && start === this.#position + this.#length) {
      if (captured.length > 0) this.#append(captured, meta);
      if (start + captured.length < end) this.#insertHole(start + captured.length, end, meta, flags);
    } else {
      const middle = start + captured.length;
      if (captured.length > 0) this.#insert(start, middle, captured, meta, "", this.#limits.waitNs);
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
    while (this.#pieces.length > 0 && this.#pieces[0]!.start < target) {
      const piece = this.#pieces[0]!;
      const end = Math.min(piece.end, target);
      this.#account.addOut(end - piece.start);
      if (piece.end >= target) this.#skipEnd ??= piece.meta;
      this.#cutFront(piece, end);
    }
    this.#position = target;
    this.#drain();
  }

  /** undefined: all that is known has been read. Else what stands behind the head, and how long to wait for it. */
  get obstacle(): Obstacle | undefined {
    const piece = this.#pieces[0];
    if (piece === undefined) return undefined;
    const isMissing = piece.start > this.#position + this.#length;
    return { isMissing, waitUntilNs: piece.waitUntilNs, order: piece.meta.order };
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
    let piece = this.#pieces[0];
    if (piece === undefined) return;
    this.#position = piece.start;
    while (piece !== undefined && piece.bytes === undefined && piece.start === this.#position) {
      this.#account.addLost(piece.reason, piece.end - piece.start);
      const end = piece.end;
      this.#cutFront(piece, end);
      this.#position = end;
      piece = this.#pieces[0];
    }
    this.#drain();
  }

  /** The connection is over: everything that is still held is lost. */
  end(reason: string): void {
    if (this.#length > 0) this.#take(this.#length, reason);
    for (const piece of this.#pieces)
      this.#account.addLost(piece.bytes ? reason : piece.reason, piece.end - piece.start);
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#isBorrowed = false;
    this.#storage = EMPTY;
  }

  #take(count: number, lost: string | undefined): void {
    if (lost === undefined) this.#account.addOut(count);
    else if (count > 0) this.#account.addLost(lost, count);
    this.#position += count;
    this.#length -= count;
    if (this.#length === 0) {
      this.#from = 0;
      this.#markOffsets.length = 0;
      this.#markMetas.length = 0;
      if (this.#isBorrowed || this.#storage.length > KEPT_STORAGE) this.#storage = EMPTY;
      this.#isBorrowed = false;
      return;
    }
    this.#from += count;
    let passed = 0;
    while (passed + 1 < this.#markOffsets.length && this.#markOffsets[passed + 1]! <= this.#position) passed++;
    if (passed > 0) {
      this.#markOffsets.splice(0, passed);
      this.#markMetas.splice(0, passed);
    }
  }

  #append(bytes: Uint8Array, meta: EventMeta): void {
    this.#markOffsets.push(this.#position + this.#length);
    this.#markMetas.push(meta);
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
    if (flags & EventFlags.faulted) this.#insert(start, end, undefined, meta, "user_fault", this.#limits.waitNs);
    else if (flags & EventFlags.conflict) this.#insert(start, end, undefined, meta, "conflict", 0);
    else this.#insert(start, end, undefined, meta, "not_captured", 0);
  }

  /** Puts a range where nothing is known yet; where something is, equal bytes fold and different ones are a conflict. */
  #insert(
    start: number,
    end: number,
    bytes: Uint8Array | undefined,
    meta: EventMeta,
    reason: string,
    wait: number,
  ): void {
    const piecesOf = (from: number, to: number): Piece => {
      const own = bytes?.slice(from - start, to - start);
      this.#pieceBytes += own?.length ?? 0;
      return { start: from, end: to, bytes: own, meta, reason, waitUntilNs: meta.timestampNs + wait };
    };
    let cursor = start;
    const headEnd = this.#position + this.#length;
    if (cursor < headEnd) {
      const to = Math.min(end, headEnd);
      const held = this.#storage.subarray(this.#from + cursor - this.#position, this.#from + to - this.#position);
      if (bytes === undefined || equal(held, bytes.subarray(0, to - cursor))) {
        this.#account.addConsumed("repeat", to - cursor);
      } else {
        this.#account.addLost("conflict", to - cursor);
        this.#cutHead(cursor);
      }
      cursor = to;
    }
    const pieces = this.#pieces;
    let index = 0;
    while (cursor < end) {
      while (index < pieces.length && pieces[index]!.end <= cursor) index++;
      const other = pieces[index];
      if (other === undefined || other.start >= end) {
        pieces.splice(index, 0, piecesOf(cursor, end));
        return;
      }
      if (other.start > cursor) {
        pieces.splice(index, 0, piecesOf(cursor, other.start));
        cursor = other.start;
        continue;
      }
      const to = Math.min(end, other.end);
      const mine = bytes?.subarray(cursor - start, to - start);
      const theirs = other.bytes?.subarray(cursor - other.start, to - other.start);
      if (mine !== undefined && theirs !== undefined && !equal(mine, theirs)) {
        this.#account.addLost("conflict", to - cursor);
        this.#replace(index, cursor, to, { ...other, start: cursor, end: to, bytes: undefined, reason: "conflict" });
      } else {
        this.#account.addConsumed("repeat", to - cursor);
        if (mine !== undefined && theirs === undefined && other.reason !== "conflict") {
          this.#replace(index, cursor, to, piecesOf(cursor, to));
        }
      }
      cursor = to;
    }
  }

  /** Head bytes from `offset` on can't be trusted: they become a hole. */
  #cutHead(offset: number): void {
    const end = this.#position + this.#length;
    const meta = this.metaAt(offset)!;
    this.#length = offset - this.#position;
    if (this.#length === 0) this.#from = 0;
    while (this.#markOffsets.length > 0 && this.#markOffsets[this.#markOffsets.length - 1]! >= offset) {
      this.#markOffsets.pop();
      this.#markMetas.pop();
    }
    this.#pieces.unshift({ start: offset, end, bytes: undefined, meta, reason: "conflict", waitUntilNs: 0 });
  }

  /** The part [from, to) of the piece at `index` becomes `piece`. */
  #replace(index: number, from: number, to: number, piece: Piece): void {
    const old = this.#pieces[index]!;
    const parts: Piece[] = [];
    if (old.start < from) parts.push({ ...old, end: from, bytes: old.bytes?.slice(0, from - old.start) });
    parts.push(piece);
    if (to < old.end) parts.push({ ...old, start: to, bytes: old.bytes?.slice(to - old.start) });
    if (old.bytes !== undefined && piece.bytes === undefined) this.#pieceBytes -= to - from;
    this.#pieces.splice(index, 1, ...parts);
  }

  /** Forgets the piece, which is the first, up to `to`. */
  #cutFront(piece: Piece, to: number): void {
    if (piece.bytes !== undefined) {
      this.#pieceBytes -= to - piece.start;
      piece.bytes = piece.bytes.subarray(to - piece.start);
    }
    piece.start = to;
    if (piece.start >= piece.end) this.#pieces.shift();
  }

  /** Bytes that came early join the head once what was before them is there. */
  #drain(): void {
    for (;;) {
      const piece = this.#pieces[0];
      if (piece?.bytes === undefined || piece.start !== this.#position + this.#length) return;
      this.#pieces.shift();
      this.#pieceBytes -= piece.bytes.length;
      this.#append(piece.bytes, piece.meta);
    }
  }
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}
