/** Addresses of events: 16 bytes, IPv4 as ::ffff:a.b.c.d. */

function isV4Mapped(address: Uint8Array): boolean {
  for (let index = 0; index < 10; index++) if (address[index] !== 0) return false;
  return address[10] === 0xff && address[11] === 0xff;
}

/** AF_UNIX of `address_family` */
export const ADDRESS_FAMILY_UNIX = 1;
/** 127.0.0.1: what the other end of an AF_UNIX socket is as near as. */
export const LOOPBACK: Uint8Array = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1);

/** @param name as the kernel keeps it; an abstract one begins with 0, which is written as `@` */
export function formatSocketName(name: Uint8Array): string {
  const isAbstract = name[0] === 0;
  const end = isAbstract ? name.length : name.indexOf(0);
  const text = new TextDecoder().decode(end < 0 ? name : name.subarray(0, end));
  return isAbstract ? text.replaceAll("\0", "@") : text;
}

/** "10.0.0.1", or IPv6 as RFC 5952 writes it. */
export function formatAddress(address: Uint8Array): string {
  if (isV4Mapped(address)) return `${address[12]}.${address[13]}.${address[14]}.${address[15]}`;
  const groups: number[] = [];
  for (let index = 0; index < 16; index += 2) groups.push((address[index]! << 8) | address[index + 1]!);
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > bestLength) {
      bestStart = start;
      bestLength = length;
    }
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(":");
  if (bestStart < 0) return hex(groups);
  return `${hex(groups.slice(0, bestStart))}::${hex(groups.slice(bestStart + bestLength))}`;
}

/** Addresses that no stranger of the Internet can have: loopback, link-local, RFC 1918, RFC 6598, RFC 4193. */
export function isPrivate(address: Uint8Array): boolean {
  if (isV4Mapped(address)) {
    const first = address[12]!;
    const second = address[13]!;
    return (
      first === 127 ||
      first === 10 ||
      (first === 172 && second >= 16 && second < 32) ||
      (first === 192 && second === 168) ||
      (first === 169 && second === 254) ||
      (first === 100 && second >= 64 && second < 128)
    );
  }
  const first = address[0]!;
  if ((first & 0xfe) === 0xfc) return true;
  if (first === 0xfe && (address[1]! & 0xc0) === 0x80) return true;
  return isLoopback(address);
}

/** 127.0.0.0/8 or ::1. */
export function isLoopback(address: Uint8Array): boolean {
  if (isV4Mapped(address)) return address[12] === 127;
  for (let index = 0; index < 15; index++) if (address[index] !== 0) return false;
  return address[15] === 1;
}
