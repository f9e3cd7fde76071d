/**
 * How the frames of a protocol follow one another, as data: the kernel walks them by it and copies of each frame what
 * its parser reads (bpf/socket/frames.bpf.h). A protocol file declares its own.
 */
import { Sender } from "../protocols/protocol.ts";

/** A frame of at most `whole` bytes is copied, of a longer one the first `first`. */
interface FrameCopy {
  readonly whole: number;
  readonly first: number;
}

/** The frame is left out; the parser learns how many there were, and has no other use for them. */
export const LEFT_OUT: FrameCopy = { whole: 0, first: 0 };

/** At most 65 535 bytes. */
export function firstBytes(count: number): FrameCopy {
  return { whole: count, first: count };
}

interface FrameCopies {
  readonly others: FrameCopy;
  /** By the type byte of the frame. */
  readonly types?: ReadonlyMap<number, FrameCopy>;
}

export interface Framing {
  /**
   * What the client sends before its first frame, where no other protocol begins so; latin1, eight bytes at least.
   * Then the walk starts with the connection, else where the parser says that a frame starts.
   */
  readonly preface?: string;
  /** A frame's header: length, type and what the parser reads of frames that are left out. At most 12. */
  readonly headerBytes: number;
  /** The length field, at most four bytes, and what it does not count. */
  readonly length: {
    readonly offset: number;
    readonly bytes: 1 | 2 | 3 | 4;
    readonly isLittleEndian?: boolean;
    /** Bytes of the whole frame less the value of the field. */
    readonly bias: number;
  };
  /** Where the byte of the type stands; undefined: all frames are alike. */
  readonly typeOffset?: number;
  readonly maximumBytes: number;
  readonly client: FrameCopies;
  readonly server: FrameCopies;
}

export function copyOf(framing: Framing, sender: Sender, type: number): FrameCopy {
  const copies = sender === Sender.client ? framing.client : framing.server;
  return copies.types?.get(type) ?? copies.others;
}

/** How much of a frame the kernel copies: no parser may ask for more. */
export function copiedBytes(copy: FrameCopy, frameBytes: number): number {
  return frameBytes <= copy.whole ? frameBytes : Math.min(copy.first, frameBytes);
}
