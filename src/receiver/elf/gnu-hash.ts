/**
 * Look-up of one exported symbol by the .gnu.hash section: a handful of small reads, where .dynsym and its names may be
 * megabytes. The format is the GNU linker's (binutils bfd/elflink.c, bfd_elf_gnu_hash; glibc elf/dl-lookup.c).
 */
import { cString, type ElfFile, sectionNamed, u64, viewOf } from "./elf-file.ts";
import type { ElfSymbol } from "./symbols.ts";

const HEADER_BYTES = 16;
const SYMBOL_BYTES = 24;
const BLOOM_WORD_BYTES = 8;
/** Chains are a few symbols long. */
const MAX_CHAIN = 256;
const MAX_NAME_BYTES = 512;

/** @returns null: the section says that there is none; undefined: there is no such section, or it makes no sense */
export async function findByGnuHash(elf: ElfFile, name: string): Promise<ElfSymbol | null | undefined> {
  const table = sectionNamed(elf, ".gnu.hash");
  const symbols = sectionNamed(elf, ".dynsym");
  const names = symbols === undefined ? undefined : elf.sections[symbols.link];
  if (table === undefined || symbols === undefined || names === undefined) return undefined;
  const { source } = elf;
  const header = await source.read(table.fileOffset, HEADER_BYTES);
  if (header.length < HEADER_BYTES) return undefined;
  const view = viewOf(header);
  const bucketCount = view.getUint32(0, true);
  const firstSymbol = view.getUint32(4, true);
  const bloomWords = view.getUint32(8, true);
  const bucketsAt = table.fileOffset + HEADER_BYTES + bloomWords * BLOOM_WORD_BYTES;
  const chainsAt = bucketsAt + 4 * bucketCount;
  if (bucketCount === 0 || chainsAt > table.fileOffset + table.sizeBytes) return undefined;
  const hash = gnuHash(name);
  const bucket = await source.read(bucketsAt + 4 * (hash % bucketCount), 4);
  const first = bucket.length < 4 ? 0 : viewOf(bucket).getUint32(0, true);
  if (first < firstSymbol) return null;
  const chain = await source.read(chainsAt + 4 * (first - firstSymbol), 4 * MAX_CHAIN);
  const chainView = viewOf(chain);
  for (let at = 0; at + 4 <= chain.length; at += 4) {
    const entry = chainView.getUint32(at, true);
    if ((entry | 1) >>> 0 === (hash | 1) >>> 0) {
      const symbol = await symbolAt(elf, symbols.fileOffset + SYMBOL_BYTES * (first + at / 4), names.fileOffset);
      if (symbol?.name === name) return symbol;
    }
    if ((entry & 1) !== 0) return null;
  }
  return undefined;
}

async function symbolAt({ source }: ElfFile, offset: number, namesOffset: number): Promise<ElfSymbol | undefined> {
  const bytes = await source.read(offset, SYMBOL_BYTES);
  if (bytes.length < SYMBOL_BYTES) return undefined;
  const view = viewOf(bytes);
  if (view.getUint16(6, true) === 0) return undefined;
  const name = await source.read(namesOffset + view.getUint32(0, true), MAX_NAME_BYTES);
  return {
    name: cString(name, 0),
    type: (bytes[4] ?? 0) & 0xf,
    value: u64(view, 8),
    sizeBytes: u64(view, 16),
  };
}

function gnuHash(name: string): number {
  let hash = 5381;
  for (let index = 0; index < name.length; index++) hash = (Math.imul(hash, 33) + name.charCodeAt(index)) >>> 0;
  return hash;
}
