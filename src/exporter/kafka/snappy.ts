import { findMatches } from "./matches.ts";

/** An element copies at most so much. */
const MAX_COPY = 64;

/** One block of Snappy (google/snappy, format_description.txt); consumers of Kafka take it with and without Xerial's frame. */
export function compressSnappy(bytes: Buffer): Buffer {
  // Literals cost a byte for 60 of them at the most, and a copy is never longer than what it stands for.
  const output = Buffer.allocUnsafe(32 + bytes.length + Math.ceil(bytes.length / 6));
  let end = writeVarint(output, bytes.length);
  let done = 0;
  for (const { at, length, distance } of findMatches(bytes, 0, bytes.length)) {
    end = writeLiterals(output, end, bytes.subarray(done, at));
    for (let left = length; left > 0; left -= MAX_COPY) {
      output[end] = ((Math.min(left, MAX_COPY) - 1) << 2) | 2;
      output.writeUInt16LE(distance, end + 1);
      end += 3;
    }
    done = at + length;
  }
  return output.subarray(0, writeLiterals(output, end, bytes.subarray(done)));
}

function writeVarint(output: Buffer, value: number): number {
  let at = 0;
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) output[at++] = (rest & 0x7f) | 0x80;
  output[at++] = rest;
  return at;
}

function writeLiterals(output: Buffer, from: number, literals: Buffer): number {
  if (literals.length === 0) return from;
  const count = literals.length - 1;
  let at = from;
  if (count < 60) output[at++] = count << 2;
  else {
    const width = count < 0x100 ? 1 : count < 0x10000 ? 2 : count < 0x1000000 ? 3 : 4;
    output[at++] = (59 + width) << 2;
    output.writeUIntLE(count, at, width);
    at += width;
  }
  output.set(literals, at);
  return at + literals.length;
}
