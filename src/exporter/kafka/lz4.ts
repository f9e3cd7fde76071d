import { findMatches } from "./matches.ts";

/**
 * The head of an LZ4 frame (lz4_Frame_format.md): magic, version 1 with independent blocks, blocks of at most 64 KiB, and
 * the second byte of the xxHash-32 of these two.
 */
const FRAME_HEAD = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
const BLOCK_BYTES = 65_536;
const NOT_COMPRESSED = 0x8000_0000;
const MIN_MATCH = 4;
/** lz4_Block_format.md, "End of block conditions". */
const LAST_LITERALS = 5;
const LAST_MATCH_BEFORE_END = 12;

/** A frame, as Kafka's batches of version 2 hold it. */
export function compressLz4(bytes: Buffer): Buffer {
  const parts: Buffer[] = [FRAME_HEAD];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const plain = bytes.subarray(at, at + BLOCK_BYTES);
    const packed = compressBlock(plain);
    const isPacked = packed.length < plain.length;
    const head = Buffer.alloc(4);
    head.writeUInt32LE(isPacked ? packed.length : plain.length + NOT_COMPRESSED);
    parts.push(head, isPacked ? packed : plain);
  }
  parts.push(Buffer.alloc(4));
  return Buffer.concat(parts);
}

function compressBlock(bytes: Buffer): Buffer {
  const output = Buffer.allocUnsafe(16 + bytes.length + Math.ceil(bytes.length / 255));
  let end = 0;
  let done = 0;
  for (const { at, length, distance } of findMatches(bytes, 0, bytes.length - LAST_LITERALS)) {
    if (at > bytes.length - LAST_MATCH_BEFORE_END) break;
    end = writeSequence(output, end, bytes.subarray(done, at), length - MIN_MATCH);
    output.writeUInt16LE(distance, end - lengthBytes(length - MIN_MATCH) - 2);
    done = at + length;
  }
  return output.subarray(0, writeSequence(output, end, bytes.subarray(done), undefined));
}

/** Token, more of the literals' length, literals, room for the distance, more of the match's length. */
function writeSequence(output: Buffer, from: number, literals: Buffer, matchLength: number | undefined): number {
  output[from] = (Math.min(literals.length, 15) << 4) | Math.min(matchLength ?? 0, 15);
  let at = writeLength(output, from + 1, literals.length);
  output.set(literals, at);
  at += literals.length;
  return matchLength === undefined ? at : writeLength(output, at + 2, matchLength);
}

/** What does not fit into the token's four bits. */
function writeLength(output: Buffer, from: number, length: number): number {
  if (length < 15) return from;
  let at = from;
  let rest = length - 15;
  for (; rest >= 255; rest -= 255) output[at++] = 255;
  output[at++] = rest;
  return at;
}

function lengthBytes(length: number): number {
  return length < 15 ? 0 : Math.floor((length - 15) / 255) + 1;
}
