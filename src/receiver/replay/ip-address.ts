/** Text of an address to 16 bytes; IPv4 is v4-mapped. What is no address gives zeros. */
export function parseAddress(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  const v4 = /^(?:::ffff:)?(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/i.exec(text);
  if (v4 !== null) {
    bytes[10] = 0xff;
    bytes[11] = 0xff;
    for (let i = 0; i < 4; i++) bytes[12 + i] = Number(v4[i + 1]);
    return bytes;
  }
  const [head = "", tail] = text.split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  if (first.length + last.length > 8) return bytes;
  first.forEach((group, i) => {
    put(bytes, i, group);
  });
  last.forEach((group, i) => {
    put(bytes, 8 - last.length + i, group);
  });
  return bytes;
}

function put(bytes: Uint8Array, group: number, text: string): void {
  const value = Number.parseInt(text, 16) || 0;
  bytes[group * 2] = (value >> 8) & 0xff;
  bytes[group * 2 + 1] = value & 0xff;
}
