/** The body of a frame: records, each after its length in four little-endian bytes. */

/** Calls `record` for each; false when the body ends inside one (those before it were handed over). */
export function eachRecord(body: Uint8Array, record: (bytes: Uint8Array) => void): boolean {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let offset = 0;
  while (offset + 4 <= body.length) {
    const end = offset + 4 + view.getUint32(offset, true);
    if (end > body.length) return false;
    record(body.subarray(offset + 4, end));
    offset = end;
  }
  return offset === body.length;
}

export function joinRecords(records: readonly Uint8Array[]): Uint8Array {
  let total = 0;
  for (const record of records) total += 4 + record.length;
  const body = new Uint8Array(total);
  const view = new DataView(body.buffer);
  let offset = 0;
  for (const record of records) {
    view.setUint32(offset, record.length, true);
    body.set(record, offset + 4);
    offset += 4 + record.length;
  }
  return body;
}
