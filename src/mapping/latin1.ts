/** Bytes to text, one character per byte: never fails, and keeps every byte. */
export function latin1(bytes: Uint8Array, from: number, to: number): string {
  // TextDecoder costs ten times as much for the short texts of protocol heads.
  return Buffer.prototype.latin1Slice.call(bytes, from, to);
}

/** UTF-8 with replacement characters where the bytes are not UTF-8. */
export function utf8(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.prototype.utf8Slice.call(bytes, from, to);
}
