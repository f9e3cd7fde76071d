/** Tokens at the start of a TDS answer (MS-TDS 2.2.7), as far as they have a length: errors, and the database in use. */
import { uint16le, uint32le } from "../byte-reader.ts";
import { utf16 } from "./request.ts";

const Token = { error: 0xaa, info: 0xab, loginAck: 0xad, environment: 0xe3, order: 0xa9, returnStatus: 0x79 } as const;
const DATABASE = 1;

interface TdsTokens {
  readonly errorNumber: number | undefined;
  readonly errorText: string | undefined;
  readonly database: string | undefined;
}

export function readTokens(bytes: Uint8Array, from: number, end: number): TdsTokens {
  let errorNumber: number | undefined;
  let errorText: string | undefined;
  let database: string | undefined;
  let at = from;
  while (at + 3 <= end) {
    const token = bytes[at]!;
    if (token === Token.returnStatus) {
      at += 5;
      continue;
    }
    if (token >= 0xfd) {
      at += 13;
      continue;
    }
    if (
      token !== Token.error &&
      token !== Token.info &&
      token !== Token.loginAck &&
      token !== Token.environment &&
      token !== Token.order
    )
      break;
    const start = at + 3;
    const length = uint16le(bytes, at + 1);
    if (token === Token.error && errorNumber === undefined && start + 8 <= end) {
      errorNumber = uint32le(bytes, start);
      const characters = uint16le(bytes, start + 6);
      errorText = utf16(bytes, start + 8, Math.min(end, start + 8 + 2 * characters));
    } else if (token === Token.environment && bytes[start] === DATABASE && start + 2 <= end) {
      const characters = bytes[start + 1]!;
      if (start + 2 + 2 * characters <= end)
        database = utf16(bytes, start + 2, start + 2 + 2 * characters) || undefined;
    }
    at = start + length;
  }
  return { errorNumber, errorText, database };
}
