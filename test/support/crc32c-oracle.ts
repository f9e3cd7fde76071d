/** CRC-32C by long division, bit by bit, as RFC 3720 defines it: shares nothing with the exporter's table. */
export function crc32(bytes: Uint8Array): number {
  let remainder = 0xffffffffn;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const next = BigInt((byte >> bit) & 1) ^ (remainder & 1n);
      remainder = (remainder >> 1n) ^ (next === 1n ? 0x82f63b78n : 0n);
    }
  }
  return Number(remainder ^ 0xffffffffn);
}
