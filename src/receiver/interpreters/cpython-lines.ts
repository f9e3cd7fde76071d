/** Line of an instruction, by a code object's location table (CPython 3.11+, Objects/locations.md). */

const NO_LINE = 15;
const LONG = 14;
const NO_COLUMNS = 13;
const ONE_LINE_0 = 10;
const ENTRY_LIMIT = 100_000;

/**
 * @param offset of the instruction in bytes
 * @returns 0 where no line is known
 */
export function lineAt(table: Uint8Array, firstLine: number, offset: number): number {
  let line = firstLine;
  let end = 0;
  let at = 0;
  for (let entry = 0; entry < ENTRY_LIMIT && at < table.length; entry++) {
    const first = table[at++]!;
    if ((first & 0x80) === 0) return 0;
    const code = (first >> 3) & 15;
    end += ((first & 7) + 1) * 2;
    if (code === LONG || code === NO_COLUMNS) {
      const [delta, next] = signedVarint(table, at);
      line += delta;
      at = next;
    } else if (code >= ONE_LINE_0 && code < NO_COLUMNS) {
      line += code - ONE_LINE_0;
    }
    if (offset < end) return code === NO_LINE ? 0 : line;
    // What follows up to the next entry's first byte says columns.
    while (at < table.length && (table[at]! & 0x80) === 0) at++;
  }
  return 0;
}

function signedVarint(table: Uint8Array, from: number): readonly [number, number] {
  let value = 0;
  let at = from;
  for (let shift = 0; shift < 30; shift += 6) {
    const byte = table[at++] ?? 0;
    value |= (byte & 0x3f) << shift;
    if ((byte & 0x40) === 0) break;
  }
  return [(value & 1) !== 0 ? -(value >>> 1) : value >>> 1, at];
}
