/** One element of BER (X.690) with a definite length. */
import { INVALID, NEED_MORE } from "../protocol.ts";

interface BerElement {
  readonly tag: number;
  readonly start: number;
  /** May lie behind what is there. */
  readonly end: number;
}

export function berElement(bytes: Uint8Array, at: number): BerElement | typeof NEED_MORE | typeof INVALID {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) return NEED_MORE;
  if ((tag & 0x1f) === 0x1f) return INVALID;
  if (first < 0x80) return { tag, start: at + 2, end: at + 2 + first };
  const count = first & 0x7f;
  if (count === 0 || count > 4) return INVALID;
  if (bytes.length < at + 2 + count) return NEED_MORE;
  let length = 0;
  for (let i = 0; i < count; i++) length = length * 256 + bytes[at + 2 + i]!;
  return { tag, start: at + 2 + count, end: at + 2 + count + length };
}
