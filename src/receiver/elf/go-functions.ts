/**
 * Functions of a Go executable by name, from .gopclntab, which strip leaves (runtime/symtab.go, pcHeader and _func;
 * debug/gosym). The form since Go 1.18. Offsets are checked: what is out of bounds is not found.
 */
import { cString, type ElfFile, readSection, sectionNamed, u64, viewOf } from "./elf-file.ts";

const MAGIC_1_18 = 0xfffffff0;
const MAGIC_1_20 = 0xfffffff1;
const HEADER_BYTES = 72;
const FUNCTAB_ENTRY_BYTES = 8;
/** The largest program that was met has 80 MB. */
const MAX_TABLE_BYTES = 128 << 20;

export interface GoFunction {
  readonly name: string;
  /** Address of the file's own address space. */
  readonly address: number;
  readonly sizeBytes: number;
}

/** The functions whose name begins with one of `prefixes`. */
export async function goFunctions(elf: ElfFile, prefixes: readonly string[]): Promise<readonly GoFunction[]> {
  const section = elf.sections.find(({ name }) => name.endsWith(".gopclntab"));
  const bytes = section === undefined ? undefined : await readSection(elf, section, MAX_TABLE_BYTES);
  if (bytes === undefined || bytes.length < HEADER_BYTES) return [];
  const view = viewOf(bytes);
  const magic = view.getUint32(0, true);
  if ((magic !== MAGIC_1_18 && magic !== MAGIC_1_20) || bytes[7] !== 8) return [];
  const count = u64(view, 8);
  // Position-independent files hold 0 there until they are relocated, Go 1.26 always does.
  const text = u64(view, 24) || (sectionNamed(elf, ".text")?.address ?? 0);
  const namesAt = u64(view, 32);
  const namesEnd = u64(view, 40);
  const tableAt = u64(view, 64);
  if (text === 0 || namesEnd > bytes.length || tableAt + (count + 1) * FUNCTAB_ENTRY_BYTES > bytes.length) return [];
  const names = namesOf(bytes, namesAt, namesEnd, prefixes);
  if (names.size === 0) return [];
  const found: GoFunction[] = [];
  for (let index = 0; index < count; index++) {
    const entryAt = tableAt + index * FUNCTAB_ENTRY_BYTES;
    const functionAt = tableAt + view.getUint32(entryAt + 4, true);
    if (functionAt + 8 > bytes.length) return found;
    const name = names.get(view.getInt32(functionAt + 4, true));
    if (name === undefined) continue;
    const start = view.getUint32(entryAt, true);
    const next = view.getUint32(entryAt + FUNCTAB_ENTRY_BYTES, true);
    found.push({ name, address: text + start, sizeBytes: Math.max(0, next - start) });
  }
  return found;
}

/** Offsets in the table of names to the names. */
function namesOf(bytes: Uint8Array, start: number, end: number, prefixes: readonly string[]): Map<number, string> {
  const table = Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.max(0, end - start));
  const names = new Map<number, string>();
  for (const prefix of prefixes) {
    const wanted = Buffer.from(`\0${prefix}`, "latin1");
    for (let at = table.indexOf(wanted); at >= 0; at = table.indexOf(wanted, at + 1)) {
      names.set(at + 1, cString(table, at + 1));
    }
  }
  return names;
}
