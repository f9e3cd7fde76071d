/** The Go release that built an executable. The file is hostile: every offset is checked, every read bounded. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { GO_BUILD_INFO_SECTION, GO_VERSION_BYTES, parseGoBuildInfo } from "../../ipc/go-build-info.ts";

const SECTION_LIMIT = 512;
const NAME_TABLE_LIMIT_BYTES = 64 * 1024;
const CACHE_LIMIT = 1024;

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
  const section = findSection(read, GO_BUILD_INFO_SECTION);
  if (section === undefined) return undefined;
  return parseGoBuildInfo(read(section.offset, Math.min(section.size, GO_VERSION_BYTES)))?.version;
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
