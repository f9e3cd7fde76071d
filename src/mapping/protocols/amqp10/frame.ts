/** Frames of AMQP 1.0 (part 2, section 2.3): their header and the performative that they bring. */
import { uint32 } from "../byte-reader.ts";
import { INVALID, NEED_MORE } from "../protocol.ts";

export const Performative = {
  open: 0x10,
  begin: 0x11,
  attach: 0x12,
  flow: 0x13,
  transfer: 0x14,
  disposition: 0x15,
  detach: 0x16,
  end: 0x17,
  close: 0x18,
} as const;
export const Sasl = { mechanisms: 0x40, init: 0x41, challenge: 0x42, response: 0x43, outcome: 0x44 } as const;
export const HEADER_BYTES = 8;
const MAX_FRAME = 64 * 1024 * 1024;

/** Size, data offset, type and the descriptor of the performative; NEED_MORE, INVALID, or the performative (0: empty). */
export function frameKind(bytes: Uint8Array, at: number): number {
  if (bytes.length < at + HEADER_BYTES) return NEED_MORE;
  const size = uint32(bytes, at);
  const offset = bytes[at + 4]! * 4;
  const type = bytes[at + 5]!;
  if (size < HEADER_BYTES || size > MAX_FRAME || offset < HEADER_BYTES || offset > size || type > 1) return INVALID;
  const body = at + offset;
  if (size === offset) return HEADER_BYTES;
  if (bytes.length < body + 3) return bytes[body] === undefined || bytes[body] === 0 ? NEED_MORE : INVALID;
  const isLong = bytes[body + 1] === 0x80;
  if (bytes[body] !== 0 || (bytes[body + 1] !== 0x53 && !isLong)) return INVALID;
  if (isLong && bytes.length < body + 10) return NEED_MORE;
  const code = isLong ? bytes[body + 9]! : bytes[body + 2]!;
  const isKnown =
    type === 1
      ? code >= Sasl.mechanisms && code <= Sasl.outcome
      : code >= Performative.open && code <= Performative.close;
  if (!isKnown) return INVALID;
  const list = bytes[body + (isLong ? 10 : 3)];
  if (list === undefined) return NEED_MORE;
  return list === 0x45 || list === 0xc0 || list === 0xd0 ? code : INVALID;
}
