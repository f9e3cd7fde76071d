/** What of MySQL's packets is read. */
import { type Framing, firstBytes } from "../../connection/framing.ts";
import { HEADER_BYTES, MAX_PACKET, MAX_TEXT } from "./wire.ts";

const REPLY_PREFIX = firstBytes(HEADER_BYTES + 32);

/** Rows can't be left out: which packet begins the next result is only known to who counts columns. */
export const MYSQL_FRAMING: Framing = {
  headerBytes: HEADER_BYTES + 1,
  length: { offset: 0, bytes: 3, isLittleEndian: true, bias: HEADER_BYTES },
  // The first byte of the payload: 0 OK, 0xfe its like at the end of rows, 0xff an error.
  typeOffset: HEADER_BYTES,
  maximumBytes: HEADER_BYTES + MAX_PACKET,
  client: { others: firstBytes(HEADER_BYTES + MAX_TEXT) },
  server: {
    others: { whole: HEADER_BYTES + 32, first: HEADER_BYTES + 1 },
    types: new Map([
      [0x00, REPLY_PREFIX],
      [0xfe, REPLY_PREFIX],
      [0xff, REPLY_PREFIX],
    ]),
  },
};
