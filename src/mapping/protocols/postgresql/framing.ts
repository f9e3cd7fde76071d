/** PostgreSQL's frames: a type, a length that counts itself, and what of them is read. */
import { type Framing, firstBytes, LEFT_OUT } from "../../connection/framing.ts";

/** So much of a statement is read. */
export const MAX_TEXT = 4096;
export const MAX_FRAME_BYTES = 0x40000000;
export const FRAME_HEADER_BYTES = 5;

export const POSTGRESQL_FRAMING: Framing = {
  headerBytes: FRAME_HEADER_BYTES,
  length: { offset: 1, bytes: 4, bias: 1 },
  typeOffset: 0,
  maximumBytes: 1 + MAX_FRAME_BYTES,
  client: { others: firstBytes(FRAME_HEADER_BYTES + MAX_TEXT), types: new Map([[0x64, LEFT_OUT]]) },
  server: {
    others: firstBytes(FRAME_HEADER_BYTES + MAX_TEXT),
    // DataRow, CopyData
    types: new Map([
      [0x44, LEFT_OUT],
      [0x64, LEFT_OUT],
    ]),
  },
};
