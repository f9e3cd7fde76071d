/** Texts of TDS requests (MS-TDS 2.2.6), which are UTF-16. */
import { uint16le, uint32le } from "../byte-reader.ts";

const MAX_CHARACTERS = 2048;
/** Procedures that are called by number (MS-TDS 2.2.6.6). */
const PROCEDURES = [
  "",
  "sp_cursor",
  "sp_cursoropen",
  "sp_cursorprepare",
  "sp_cursorexecute",
  "sp_cursorprepexec",
  "sp_cursorunprepare",
  "sp_cursorfetch",
  "sp_cursoroption",
  "sp_cursorclose",
  "sp_executesql",
  "sp_prepare",
  "sp_execute",
  "sp_prepexec",
  "sp_prepexecrpc",
  "sp_unprepare",
];
const NVARCHAR = 0xe7;
const INT_N = 0x26;

export function utf16(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  const end = Math.min(to, bytes.length, from + 2 * MAX_CHARACTERS);
  for (let at = from; at + 1 < end; at += 2) text += String.fromCharCode(uint16le(bytes, at));
  return text;
}

/** Behind ALL_HEADERS, where they are. */
function behindHeaders(bytes: Uint8Array, from: number, end: number): number {
  const length = from + 4 <= end ? uint32le(bytes, from) : 0;
  return length >= 4 && length <= 1024 && from + length <= end ? from + length : from;
}

export function batchText(bytes: Uint8Array, from: number, end: number): string | undefined {
  return utf16(bytes, behindHeaders(bytes, from, end), end) || undefined;
}

/** Database of a LOGIN7 (MS-TDS 2.2.6.4): offset and length stand at 68. */
export function loginDatabase(bytes: Uint8Array, from: number, end: number): string | undefined {
  if (from + 72 > end) return undefined;
  const offset = uint16le(bytes, from + 68);
  const length = uint16le(bytes, from + 70);
  return from + offset + 2 * length <= end && length <= 128
    ? utf16(bytes, from + offset, from + offset + 2 * length) || undefined
    : undefined;
}

/** The procedure, or the statement that sp_executesql and sp_prepexec get as a parameter. */
export function readRpc(
  bytes: Uint8Array,
  from: number,
  end: number,
): { procedure: string | undefined; text: string | undefined } {
  let at = behindHeaders(bytes, from, end);
  if (at + 4 > end) return { procedure: undefined, text: undefined };
  const length = uint16le(bytes, at);
  if (length !== 0xffff) {
    const name = utf16(bytes, at + 2, Math.min(end, at + 2 + 2 * length));
    return { procedure: length > 0 && length <= 256 ? name : undefined, text: undefined };
  }
  const id = uint16le(bytes, at + 2);
  const procedure = PROCEDURES[id];
  at += 6;
  // sp_prepexec gets the handle and the parameters' types before the statement.
  const position = id === 10 ? 0 : id === 13 ? 2 : -1;
  for (let index = 0; index <= position && at + 3 <= end; index++) {
    at += 2 + 2 * bytes[at]!;
    const dataType = bytes[at];
    if (dataType === INT_N) {
      at += 2;
      at += 1 + (bytes[at] ?? 0);
    } else if (dataType === NVARCHAR && at + 10 <= end) {
      const isLong = uint16le(bytes, at + 1) === 0xffff;
      const bytesLength = isLong ? uint32le(bytes, at + 16) : uint16le(bytes, at + 8);
      const start = isLong ? at + 20 : at + 10;
      if (index === position)
        return { procedure: undefined, text: utf16(bytes, start, Math.min(end, start + bytesLength)) || undefined };
      at = bytesLength === 0xffff ? start : start + bytesLength + (isLong ? 4 : 0);
    } else break;
  }
  return { procedure, text: undefined };
}
