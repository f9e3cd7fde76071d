/** What is known of a stream behind its head: ranges in order that do not overlap, with their bytes or without. */
import type { StageAccount } from "../account.ts";
import type { EventMeta } from "../event-meta.ts";
import { CONTINUES } from "./stream-marks.ts";

interface Piece {
  readonly start: number;
  readonly end: number;
  /** undefined: a hole. */
  readonly bytes: Uint8Array | undefined;
  readonly meta: EventMeta;
  /** What starts with it: see stream-marks.ts. */
  readonly kind: number;
  /** Why a hole is one. */
  readonly reason: string;
  /** When the wait for the range before it, or for the bytes of a hole that can still be filled, ends. */
  readonly waitUntilNs: number;
}

export class StreamPieces {
  readonly #account: StageAccount;
  readonly #pieces: Piece[] = [];
  #heldBytes = 0;

  constructor(account: StageAccount) {
    this.#account = account;
  }

  get first(): Piece | undefined {
    return this.#pieces[0];
  }

  get length(): number {
    return this.#pieces.length;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Before all others. */
  addFirst(hole: Piece): void {
    this.#pieces.unshift(hole);
  }

  /** Puts [from, range.end) where nothing is known yet; where something is, equal bytes fold and others are a conflict. */
  insert(range: Piece, from: number): void {
    const pieces = this.#pieces;
    const { end } = range;
    let cursor = from;
    let index = 0;
    while (cursor < end) {
      while (index < pieces.length && pieces[index]!.end <= cursor) index++;
      const other = pieces[index];
      if (other === undefined || other.start >= end) {
        pieces.splice(index, 0, this.#part(range, cursor, end));
        return;
      }
      if (other.start > cursor) {
        pieces.splice(index, 0, this.#part(range, cursor, other.start));
        cursor = other.start;
        continue;
      }
      const to = Math.min(end, other.end);
      this.#overlap(range, index, cursor, to);
      cursor = to;
    }
  }

  /** Forgets the first piece up to `to`. */
  cutFront(to: number): void {
    const piece = this.#pieces[0];
    if (piece === undefined) return;
    const bytes = piece.bytes?.subarray(to - piece.start);
    if (bytes !== undefined) this.#heldBytes -= to - piece.start;
    if (to >= piece.end) this.#pieces.shift();
    else this.#pieces[0] = { ...piece, start: to, bytes, kind: CONTINUES };
  }

  #overlap(range: Piece, index: number, from: number, to: number): void {
    const other = this.#pieces[index]!;
    const mine = range.bytes?.subarray(from - range.start, to - range.start);
    const theirs = other.bytes?.subarray(from - other.start, to - other.start);
    if (mine !== undefined && theirs !== undefined && !equalBytes(mine, theirs)) {
      this.#account.addLost("conflict", to - from);
      this.#replace(index, from, to, { ...other, start: from, end: to, bytes: undefined, reason: "conflict" });
      return;
    }
    this.#account.addConsumed("repeat", to - from);
    if (mine !== undefined && theirs === undefined && other.reason !== "conflict") {
      this.#replace(index, from, to, this.#part(range, from, to));
    }
  }

  /** The bytes are lent: what is kept of them is a copy. */
  #part(range: Piece, start: number, end: number): Piece {
    const bytes = range.bytes?.slice(start - range.start, end - range.start);
    this.#heldBytes += bytes?.length ?? 0;
    return { ...range, start, end, bytes, kind: start === range.start ? range.kind : CONTINUES };
  }

  /** The part [from, to) of the piece at `index` becomes `piece`. */
  #replace(index: number, from: number, to: number, piece: Piece): void {
    const old = this.#pieces[index]!;
    const parts: Piece[] = [];
    if (old.start < from) parts.push({ ...old, end: from, bytes: old.bytes?.slice(0, from - old.start) });
    parts.push(piece);
    if (to < old.end) parts.push({ ...old, start: to, bytes: old.bytes?.slice(to - old.start), kind: CONTINUES });
    if (old.bytes !== undefined && piece.bytes === undefined) this.#heldBytes -= to - from;
    this.#pieces.splice(index, 1, ...parts);
  }
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}
