/**
 * What Go's linker writes into .go.buildinfo (debug/buildinfo), in the form since Go 1.18: strings inline. The broker says
 * by it what a program was built with, the worker how its goroutines lie. The bytes are a stranger's.
 */

export const GO_BUILD_INFO_SECTION = ".go.buildinfo";
/** From the section's begin to the end of the longest version. */
export const GO_VERSION_BYTES = 160;

const MAGIC = Buffer.from("\xff Go buildinf:", "latin1");
const FLAGS_OFFSET = 15;
const FLAG_STRINGS_INLINE = 2;
const STRINGS_OFFSET = 32;
/** A varint below 128 is one byte; no version is longer. */
const MAX_VERSION_BYTES = 127;

export interface GoBuildInfo {
  readonly version: string;
  /** A line for each module, `dep\tPATH\tVERSION\t...`, beside others; as far as the bytes reach. */
  readonly modules: string;
}

export function parseGoBuildInfo(section: Uint8Array): GoBuildInfo | undefined {
  const bytes = Buffer.from(section.buffer, section.byteOffset, section.byteLength);
  const lengthBytes = bytes[STRINGS_OFFSET] ?? 0;
  const isInline = ((bytes[FLAGS_OFFSET] ?? 0) & FLAG_STRINGS_INLINE) !== 0;
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC) || !isInline) return undefined;
  if (lengthBytes === 0 || lengthBytes > MAX_VERSION_BYTES) return undefined;
  const end = STRINGS_OFFSET + 1 + lengthBytes;
  const version = bytes.toString("latin1", STRINGS_OFFSET + 1, end);
  if (!/^(?:go|devel)[\x20-\x7e]+$/.test(version)) return undefined;
  return { version, modules: bytes.toString("latin1", end) };
}
