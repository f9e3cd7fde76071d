/**
 * What bpf/socket/frames.bpf.h does with the calls of one direction, for tests without a kernel: calls in, the payload of
 * events out. The kernel tests compare the two.
 */
import { FrameSegmentFlags, LAYOUT } from "../../src/bpf/layout.gen.ts";
import { copiedBytes, copyOf, type Framing } from "../../src/mapping/connection/framing.ts";
import type { Sender } from "../../src/mapping/protocols/protocol.ts";

const MERGED_BYTES = 32;
const PIECE_BYTES = 4096;
const MAX_CAPTURE = 16_384;

interface Run {
  position: number;
  readonly bytes: number[];
  readonly startsFrame: boolean;
  readonly leftOut: number;
}

export class FrameWalker {
  readonly #framing: Framing;
  readonly #sender: Sender;
  #nextFrame: number;
  #copyUntil: number;
  #leftOut = 0;
  #header: number[] = [];
  #isSilent = false;
  isSynced = true;

  /** @param place stream offset of the start of a frame; undefined: not known, nothing is walked */
  constructor(framing: Framing, sender: Sender, place: number | undefined, prefaceBytes = 0) {
    this.#framing = framing;
    this.#sender = sender;
    this.#nextFrame = (place ?? 0) + prefaceBytes;
    this.#copyUntil = this.#nextFrame;
    this.isSynced = place !== undefined;
  }

  /**
   * @param buffers sizes of the buffers that the call was given, all of it in one if undefined
   * @returns the payload of the call's event; undefined: it makes none; "plain": it is captured as a call
   */
  call(offset: number, bytes: Uint8Array, buffers?: readonly number[]): Uint8Array | undefined | "plain" {
    if (offset > this.#nextFrame + this.#header.length) this.isSynced = false;
    if (!this.isSynced) return "plain";
    const end = offset + bytes.length;
    const ends = bufferEnds(offset, buffers ?? [bytes.length]);
    let buffer = 0;
    const runs: Run[] = [];
    let run: Run | undefined;
    let isFrameOver = false;
    const add = (at: number, count: number, startsFrame: boolean): void => {
      if (run === undefined) {
        run = { position: at, bytes: [], startsFrame, leftOut: startsFrame ? this.#leftOut : 0 };
        if (startsFrame) this.#leftOut = 0;
        runs.push(run);
      }
      run.bytes.push(...bytes.subarray(at - offset, at - offset + count));
    };
    for (let at = offset; at < end; ) {
      if (at >= ends[buffer]!) {
        buffer++;
        run = undefined;
        continue;
      }
      const bufferEnd = ends[buffer]!;
      if (at < this.#copyUntil) {
        const to = Math.min(this.#copyUntil, bufferEnd);
        add(at, to - at, false);
        at = to;
        continue;
      }
      if (at < this.#nextFrame) {
        at = Math.min(this.#nextFrame, bufferEnd);
        run = undefined;
        if (at === this.#nextFrame && !this.#isSilent) isFrameOver = true;
        continue;
      }
      if (this.#header.length > 0 || bufferEnd - at < this.#framing.headerBytes) {
        at = this.#cutHeader(at, bufferEnd, bytes, offset, add);
        continue;
      }
      const header = bytes.subarray(at - offset);
      const length = this.#length(header);
      if (length === undefined) {
        this.#lose(at, end);
        continue;
      }
      let want = this.#wanted(header, length);
      if (want === 0 && run !== undefined && length <= MERGED_BYTES) want = length;
      this.#nextFrame = at + length;
      this.#copyUntil = at + want;
      this.#isSilent = want === 0;
      if (want === 0) {
        this.#leftOut++;
        run = undefined;
        at = Math.min(this.#nextFrame, bufferEnd);
      } else {
        const to = Math.min(this.#copyUntil, bufferEnd);
        add(at, to - at, true);
        at = to;
      }
    }
    if (runs.length === 0 && !isFrameOver && this.isSynced) return undefined;
    return encode(runs, offset);
  }

  #cutHeader(
    at: number,
    end: number,
    bytes: Uint8Array,
    offset: number,
    add: (at: number, count: number, startsFrame: boolean) => void,
  ): number {
    const { length: field } = this.#framing;
    const lengthsEnd = field.offset + field.bytes;
    const have = this.#header.length;
    const need = have < lengthsEnd ? lengthsEnd : this.#framing.headerBytes;
    const count = Math.min(need - have, end - at);
    add(at, count, have === 0);
    this.#header.push(...bytes.subarray(at - offset, at - offset + count));
    const next = at + count;
    const header = Uint8Array.from(this.#header);
    if (header.length < lengthsEnd) return next;
    const length = this.#length(header);
    if (length === undefined) {
      this.#lose(next, offset + bytes.length);
      return next;
    }
    if (header.length < this.#framing.headerBytes && length >= this.#framing.headerBytes) return next;
    const start = next - header.length;
    this.#nextFrame = start + length;
    this.#copyUntil = start + Math.max(this.#wanted(header, length), header.length);
    this.#isSilent = false;
    this.#header = [];
    return next;
  }

  #lose(at: number, end: number): void {
    this.isSynced = false;
    this.#header = [];
    this.#nextFrame = end;
    this.#copyUntil = Math.min(end, at + MAX_CAPTURE);
    this.#isSilent = false;
  }

  #length(header: Uint8Array): number | undefined {
    const { offset, bytes, isLittleEndian, bias } = this.#framing.length;
    let value = 0;
    for (let i = 0; i < bytes; i++) value = value * 256 + header[offset + (isLittleEndian ? bytes - 1 - i : i)]!;
    const length = value + bias;
    return length < 1 || length > this.#framing.maximumBytes ? undefined : length;
  }

  #wanted(header: Uint8Array, length: number): number {
    const { typeOffset } = this.#framing;
    const type = typeOffset === undefined || length <= typeOffset ? 0 : header[typeOffset]!;
    return copiedBytes(copyOf(this.#framing, this.#sender, type), length);
  }
}

function bufferEnds(offset: number, sizes: readonly number[]): number[] {
  let end = offset;
  return sizes.map((size) => {
    end += size;
    return end;
  });
}

function encode(runs: readonly Run[], offset: number): Uint8Array {
  const parts: Buffer[] = [];
  for (const run of runs) {
    for (let from = 0; from < run.bytes.length; from += PIECE_BYTES) {
      const piece = run.bytes.slice(from, from + PIECE_BYTES);
      const header = Buffer.alloc(LAYOUT.frame_segment.sizeBytes);
      header.writeUInt32LE(run.position + from - offset, 0);
      header.writeUInt16LE(piece.length, 4);
      header.writeUInt16LE(from === 0 && run.startsFrame ? FrameSegmentFlags.startsFrame : 0, 6);
      header.writeUInt32LE(from === 0 ? run.leftOut : 0, 8);
      parts.push(header, Buffer.from(piece), Buffer.alloc(-piece.length & 3));
    }
  }
  return new Uint8Array(Buffer.concat(parts));
}
