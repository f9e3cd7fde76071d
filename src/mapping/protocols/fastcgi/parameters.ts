/** Name-value pairs of FastCGI (section 3.4), which records may cut anywhere. */
import { ByteReader } from "../byte-reader.ts";

const MAX_PAIRS = 256;
const MAX_TEXT = 4096;

export function readParameters(parts: readonly Uint8Array[]): Map<string, string> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  const reader = new ByteReader(bytes);
  const length = (): number => {
    const first = reader.uint8();
    return first < 0x80 ? first : (first & 0x7f) * 0x1000000 + reader.uint8() * 65_536 + reader.uint16();
  };
  const parameters = new Map<string, string>();
  while (reader.remaining > 0 && parameters.size < MAX_PAIRS) {
    const nameBytes = length();
    const valueBytes = length();
    const name = reader.latin1(nameBytes);
    const value = reader.latin1(valueBytes);
    if (reader.failed) break;
    parameters.set(name, value.slice(0, MAX_TEXT));
  }
  return parameters;
}
