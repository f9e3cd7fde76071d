/** The bytes of a section of a 64-bit little-endian ELF file. */
export function elfSection(file: Uint8Array, name: string): Uint8Array | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const headersAt = Number(view.getBigUint64(40, true));
  const headerSize = view.getUint16(58, true);
  const count = view.getUint16(60, true);
  const bytesOf = (index: number): Uint8Array => {
    const at = headersAt + index * headerSize;
    const start = Number(view.getBigUint64(at + 24, true));
    return file.subarray(start, start + Number(view.getBigUint64(at + 32, true)));
  };
  const names = bytesOf(view.getUint16(62, true));
  for (let i = 0; i < count; i++) {
    const start = view.getUint32(headersAt + i * headerSize, true);
    const text = new TextDecoder().decode(names.subarray(start, names.indexOf(0, start)));
    if (text === name) return bytesOf(i);
  }
  return undefined;
}
