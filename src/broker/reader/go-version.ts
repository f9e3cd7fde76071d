/**
 * The Go release that built an executable: the .go.buildinfo section (Go's debug/buildinfo), in the form since Go 1.18
 * (strings inline). The file is hostile: every offset is checked, every read bounded.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const SECTION_LIMIT = 512;
const NAME_TABLE_LIMIT_BYTES = 64 * 1024;
const VERSION_LIMIT_BYTES = 64;
const CACHE_LIMIT = 1024;
const MAGIC = Buffer.from("\xff Go buildinf:", "latin1");
const FLAG_STRINGS_INLINE = 2;
const STRINGS_OFFSET = 32;

/** Remembers answers by file identity, since one executable runs many times. */
export class GoVersionReader {
  readonly #known = new Map<string, string | undefined>();

  read(path: string): string | undefined {
    let fd: number;
    try {
      fd = openSync(path, "r");
    } catch {
      return undefined;
    }
    try {
      const { dev, ino, mtimeMs, size } = fstatSync(fd);
      const identity = `${dev}:${ino}:${mtimeMs}:${size}`;
      if (this.#known.has(identity)) return this.#known.get(identity);
      const version = goVersion((offset, length) => readAt(fd, offset, length));
      if (this.#known.size >= CACHE_LIMIT) this.#known.clear();
      this.#known.set(identity, version);
      return version;
    } catch {
      return undefined;
    } finally {
      closeSync(fd);
    }
  }
}

function readAt(fd: number, offset: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(fd, buffer, 0, length, offset));
}

/** @param read gives fewer bytes than asked for at the end of the file */
export function goVersion(read: (offset: number, length: number) => Buffer): string | undefined {
  const section = findSection(read, ".go.buildinfo");
  if (section === undefined) return undefined;
  const bytes = read(section.offset, Math.min(section.size, STRINGS_OFFSET + 2 + VERSION_LIMIT_BYTES));
  if (bytes.length <= STRINGS_OFFSET || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  if (((bytes[15] ?? 0) & FLAG_STRINGS_INLINE) === 0) return undefined;
  // A varint length; a version is shorter than 128 bytes, so it is one byte.
  const length = bytes[STRINGS_OFFSET] ?? 0;
  if (length === 0 || length > VERSION_LIMIT_BYTES) return undefined;
  const version = bytes.toString("latin1", STRINGS_OFFSET + 1, STRINGS_OFFSET + 1 + length);
  return /^(?:go|devel)[\x20-\x7e]+$/.test(version) ? version : undefined;
}

/** ELF-64, little endian: the only kind that our architectures run. */
function findSection(
  read: (offset: number, length: number) => Buffer,
  wanted: string,
): { offset: number; size: number } | undefined {
  const header = read(0, 64);
  if (header.length < 64 || header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1)
    return undefined;
  const tableOffset = Number(header.readBigUInt64LE(40));
  const entrySize = header.readUInt16LE(58);
  const count = Math.min(header.readUInt16LE(60), SECTION_LIMIT);
  const nameIndex = header.readUInt16LE(62);
  if (entrySize < 64 || nameIndex >= count || !Number.isSafeInteger(tableOffset)) return undefined;
  const table = read(tableOffset, entrySize * count);
  if (table.length < entrySize * count) return undefined;
  const section = (index: number) => ({
    name: table.readUInt32LE(index * entrySize),
    offset: Number(table.readBigUInt64LE(index * entrySize + 24)),
    size: Number(table.readBigUInt64LE(index * entrySize + 32)),
  });
  const nameTable = section(nameIndex);
  const names = read(nameTable.offset, Math.min(nameTable.size, NAME_TABLE_LIMIT_BYTES));
  for (let index = 0; index < count; index++) {
    const { name, offset, size } = section(index);
    if (names.toString("latin1", name, name + wanted.length + 1) === `${wanted}\0`) return { offset, size };
  }
  return undefined;
}
