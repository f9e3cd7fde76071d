/** Finds what a Go program's line table needs beside itself: runtime.firstmoduledata (runtime/symtab.go). */
import { type ElfFile, fileOffsetOf, readSection, type Section, sectionNamed, u64, viewOf } from "../elf/elf-file.ts";
import { findSymbol } from "../elf/symbols.ts";
import { GoLineTable } from "./go-line-table.ts";

const TABLE_LIMIT_BYTES = 96 << 20;
const DATA_LIMIT_BYTES = 16 << 20;
const FUNCTION_DATA_LIMIT_BYTES = 8 << 20;
const RELOCATION_BYTES = 24;
/** Words of moduledata: pcHeader is the first; text; gofunc by form of the table. */
const TEXT_WORD = 22;
const GOFUNC_WORD_1_18 = 38;
const GOFUNC_WORD_1_20 = 40;
const MAGIC_1_20 = 0xfffffff1;

/** @returns undefined when it is no Go program, or one before Go 1.16 */
export async function readGoLineTable(elf: ElfFile): Promise<GoLineTable | undefined> {
  const section = sectionNamed(elf, ".gopclntab") ?? sectionNamed(elf, ".data.rel.ro.gopclntab");
  if (section === undefined) return undefined;
  const bytes = await readSection(elf, section, TABLE_LIMIT_BYTES);
  if (bytes === undefined || bytes.length < 8) return undefined;
  const pointers = await readPointers(elf);
  const moduleData = await findModuleData(elf, section, pointers);
  const word = async (n: number) => (moduleData === undefined ? undefined : pointers(moduleData + 8 * n));
  const isNew = viewOf(bytes).getUint32(0, true) === MAGIC_1_20;
  const textStart = await word(TEXT_WORD);
  const gofunc = await word(isNew ? GOFUNC_WORD_1_20 : GOFUNC_WORD_1_18);
  return GoLineTable.parse(bytes, {
    // A module without a text address of its own begins with the section.
    textStart: textStart ?? sectionNamed(elf, ".text")?.address ?? 0,
    functionData: gofunc === undefined ? undefined : await functionData(elf, section, bytes, gofunc),
  });
}

type Pointers = (address: number) => Promise<number | undefined>;

/** Words of the image as they will be once it is loaded at its own addresses: position-independent ones are relocations. */
async function readPointers(elf: ElfFile): Promise<Pointers> {
  const relocations = elf.isRelocatable ? await relocationsOf(elf) : undefined;
  return async (address) => {
    const relocated = relocations?.get(address);
    if (relocated !== undefined) return relocated;
    const offset = fileOffsetOf(elf, address);
    const bytes = offset === undefined ? new Uint8Array() : await elf.source.read(offset, 8);
    const value = bytes.length < 8 ? 0 : u64(viewOf(bytes), 0);
    return value === 0 ? undefined : value;
  };
}

/** R_X86_64_RELATIVE and R_AARCH64_RELATIVE: place to addend. */
async function relocationsOf(elf: ElfFile): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  const section = sectionNamed(elf, ".rela.dyn") ?? sectionNamed(elf, ".rela");
  const bytes = section === undefined ? undefined : await readSection(elf, section, DATA_LIMIT_BYTES);
  if (bytes === undefined) return found;
  const view = viewOf(bytes);
  for (let at = 0; at + RELOCATION_BYTES <= bytes.length; at += RELOCATION_BYTES) {
    const type = view.getUint32(at + 8, true);
    if (type === 8 || type === 1027) found.set(u64(view, at), u64(view, at + 16));
  }
  return found;
}

async function findModuleData(elf: ElfFile, table: Section, pointers: Pointers): Promise<number | undefined> {
  const symbol = await findSymbol(elf, "runtime.firstmoduledata");
  if (symbol !== undefined) return symbol.value;
  // Its first word leads to the table. Go 1.26 gives it a section of its own.
  for (const name of [".go.module", ".noptrdata", ".data", ".data.rel.ro"]) {
    const section = sectionNamed(elf, name);
    if (section === undefined) continue;
    if (name === ".go.module" && (await pointers(section.address)) === table.address) return section.address;
    const bytes = await readSection(elf, section, DATA_LIMIT_BYTES);
    if (bytes === undefined) continue;
    const view = viewOf(bytes);
    for (let at = 0; at + 8 <= bytes.length; at += 8) {
      const isFound = elf.isRelocatable
        ? (await quick(pointers, section.address + at, u64(view, at))) === table.address
        : u64(view, at) === table.address;
      if (isFound) return section.address + at;
    }
  }
  return undefined;
}

/** A word that is not 0 needs no relocation. */
async function quick(pointers: Pointers, address: number, inFile: number): Promise<number | undefined> {
  return inFile === 0 ? undefined : pointers(address);
}

/** What funcdata offsets count from: in the table's own section, or in the read-only data. */
async function functionData(
  elf: ElfFile,
  table: Section,
  tableBytes: Uint8Array,
  address: number,
): Promise<(offset: number, lengthBytes: number) => Uint8Array> {
  const within = address - table.address;
  let bytes = new Uint8Array();
  if (within >= 0 && within < tableBytes.length) bytes = tableBytes.subarray(within) as Uint8Array<ArrayBuffer>;
  else {
    const home = elf.sections.find((each) => address >= each.address && address < each.address + each.sizeBytes);
    const offset = fileOffsetOf(elf, address);
    if (home !== undefined && offset !== undefined) {
      const left = home.address + home.sizeBytes - address;
      bytes = (await elf.source.read(offset, Math.min(left, FUNCTION_DATA_LIMIT_BYTES))) as Uint8Array<ArrayBuffer>;
    }
  }
  return (offset, lengthBytes) => bytes.subarray(offset, offset + lengthBytes);
}
