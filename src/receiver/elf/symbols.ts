/** Look-up of symbols by name in .dynsym and .symtab (System V gABI, chapter 4, "Symbol Table"). */
import { cString, type ElfFile, readSection, type Section, sectionNamed, u64, viewOf } from "./elf-file.ts";
import { findByGnuHash } from "./gnu-hash.ts";

export interface ElfSymbol {
  readonly name: string;
  /** Address, or for TLS symbols the offset in the TLS segment. */
  readonly value: number;
  readonly sizeBytes: number;
  /** STT_*: 2 function, 6 TLS. */
  readonly type: number;
}

const ENTRY_BYTES = 24;
/** A symbol table of 128 MB belongs to no program that we read more of. */
const MAX_TABLE_BYTES = 128 << 20;
/** No compiler's names are longer; a table without a NUL must not be read to its end for each of its symbols. */
const MAX_NAME_BYTES = 4096;

async function tableOf(
  elf: ElfFile,
  name: ".dynsym" | ".symtab",
): Promise<{ entries: Uint8Array; names: Uint8Array } | undefined> {
  const section = sectionNamed(elf, name);
  const strings: Section | undefined = section === undefined ? undefined : elf.sections[section.link];
  if (section === undefined || strings === undefined) return undefined;
  const [entries, names] = await Promise.all([
    readSection(elf, section, MAX_TABLE_BYTES),
    readSection(elf, strings, MAX_TABLE_BYTES),
  ]);
  return entries === undefined || names === undefined ? undefined : { entries, names };
}

/**
 * The defined symbols whose raw name is wanted.
 *
 * @param words each wanted name has one of them in it: other names, which are nearly all, are not looked at
 */
export async function scanSymbols(
  elf: ElfFile,
  table: ".dynsym" | ".symtab",
  words: readonly string[],
  isWanted: (name: Buffer) => boolean,
): Promise<ElfSymbol[]> {
  const found: ElfSymbol[] = [];
  const read = await tableOf(elf, table);
  if (read === undefined) return found;
  const view = viewOf(read.entries);
  const names = Buffer.from(read.names.buffer, read.names.byteOffset, read.names.byteLength);
  const isCandidate = namesWith(names, words);
  for (let at = 0; at + ENTRY_BYTES <= read.entries.length; at += ENTRY_BYTES) {
    const nameAt = view.getUint32(at, true);
    if (isCandidate[nameAt] !== 1) continue;
    const isUndefined = view.getUint16(at + 6, true) === 0;
    if (isUndefined || nameAt === 0) continue;
    const rest = names.subarray(nameAt, nameAt + MAX_NAME_BYTES);
    const end = rest.indexOf(0);
    if (!isWanted(end < 0 ? rest : rest.subarray(0, end))) continue;
    found.push({
      name: cString(read.names, nameAt),
      type: (read.entries[at + 4] ?? 0) & 0xf,
      value: u64(view, at + 8),
      sizeBytes: u64(view, at + 16),
    });
  }
  return found;
}

/** 1 where a name that begins there has one of the words in it: linkers let a name begin inside of a longer one. */
function namesWith(names: Buffer, words: readonly string[]): Uint8Array {
  const marks = new Uint8Array(names.length);
  for (const word of words) {
    let last = 0;
    for (let at = names.indexOf(word, 0, "latin1"); at >= 0; at = names.indexOf(word, at + 1, "latin1")) {
      // What lies before the last one is marked already, if it is of the same name.
      let start = at;
      while (start > last && names[start - 1] !== 0) start--;
      marks.fill(1, start, at + 1);
      last = at;
    }
  }
  return marks;
}

/** The symbol of exactly this name, from .dynsym (which survives strip), else from .symtab. */
export async function findSymbol(elf: ElfFile, name: string): Promise<ElfSymbol | undefined> {
  const exported = await findByGnuHash(elf, name);
  if (exported) return exported;
  const wanted = Buffer.from(name, "latin1");
  const isWanted = (candidate: Buffer) => candidate.equals(wanted);
  const dynamic = exported === null ? [] : await scanSymbols(elf, ".dynsym", [name], isWanted);
  return dynamic[0] ?? (await scanSymbols(elf, ".symtab", [name], isWanted))[0];
}
