/**
 * Functions of a Go executable by name, from .gopclntab, which strip leaves (runtime/symtab.go, pcHeader and _func;
 * debug/gosym). The form since Go 1.18. Offsets are checked: what is out of bounds is not found.
 *
 * The table of a large program has 10 MB and more, and all that is read of it passes through two other processes. The linker
 * names functions in the order of their code, but for those that it has met before as inlined ones
 * (cmd/link/internal/ld/pcln.go), so what is wanted is searched for by halves; what is not found so, by reading all.
 */
import { bufferedSource } from "./buffered-source.ts";
import type { ByteSource } from "./byte-source.ts";
import { cString, type ElfFile, sectionNamed, u64, viewOf } from "./elf-file.ts";

const MAGIC_1_18 = 0xfffffff0;
const MAGIC_1_20 = 0xfffffff1;
const HEADER_BYTES = 72;
const FUNCTAB_ENTRY_BYTES = 8;
const FUNCTION_HEAD_BYTES = 8;
/** The largest program that was met has 80 MB. */
const MAX_TABLE_BYTES = 128 << 20;
const NAMES_STEP_BYTES = 256 << 10;
/** Names that a step cuts are read with the next one. */
const MAX_NAME_BYTES = 512;
const CLUSTER_GAP_BYTES = 32 << 10;
const MAX_AT_ONCE = 4096;
/** Of their entries, which have 90 bytes each. */
const MAX_SPAN_BYTES = 2 << 20;
/** Of so many neighbours hardly all were met earlier. */
const NEIGHBOURS = 8;

export interface GoFunction {
  readonly name: string;
  /** Address of the file's own address space. */
  readonly address: number;
  readonly sizeBytes: number;
}

/** The table of all functions, in the order of their code. */
interface Functab {
  readonly source: ByteSource;
  /** In the file. */
  readonly start: number;
  readonly entries: DataView;
  readonly count: number;
  readonly textAddress: number;
  readonly limitBytes: number;
}

/**
 * The functions whose name begins with one of `prefixes`; one that ends with \0 is a whole name. Of functions that the compiler
 * inlines some may be missing where only the beginning of their name is given.
 */
export async function goFunctions(elf: ElfFile, prefixes: readonly string[]): Promise<readonly GoFunction[]> {
  const section = elf.sections.find(({ name }) => name.endsWith(".gopclntab"));
  if (section === undefined || section.isCompressed) return [];
  const sizeBytes = Math.min(section.sizeBytes, MAX_TABLE_BYTES);
  const source = bufferedSource(elf.source);
  const header = await source.read(section.fileOffset, HEADER_BYTES);
  if (sizeBytes < HEADER_BYTES || header.length < HEADER_BYTES) return [];
  const view = viewOf(header);
  const magic = view.getUint32(0, true);
  if ((magic !== MAGIC_1_18 && magic !== MAGIC_1_20) || header[7] !== 8) return [];
  const count = u64(view, 8);
  // Position-independent files hold 0 there until they are relocated, Go 1.26 always does.
  const textAddress = u64(view, 24) || (sectionNamed(elf, ".text")?.address ?? 0);
  const namesAt = u64(view, 32);
  const namesEnd = u64(view, 40);
  const tableAt = u64(view, 64);
  const tableBytes = (count + 1) * FUNCTAB_ENTRY_BYTES;
  if (textAddress === 0 || namesEnd > sizeBytes || tableAt + tableBytes > sizeBytes) return [];
  const start = section.fileOffset + tableAt;
  const [names, entries] = await Promise.all([
    namesOf(source, section.fileOffset + namesAt, section.fileOffset + namesEnd, prefixes),
    source.read(start, tableBytes),
  ]);
  if (names.size === 0 || entries.length < tableBytes) return [];
  const limitBytes = sizeBytes - tableAt;
  const functab = { source, start, entries: viewOf(entries), count, textAddress, limitBytes };
  const found = await searched(functab, names);
  const isFound = new Set(found.map(({ name }) => name));
  const isWhole = (name: string) => prefixes.includes(`${name}\0`);
  const isMissing = [...names.values()].some((name) => isWhole(name) && !isFound.has(name));
  return isMissing ? await functionsIn(functab, 0, count, names) : found;
}

/** Offsets in the table of names to the names. */
async function namesOf(
  source: ByteSource,
  start: number,
  end: number,
  prefixes: readonly string[],
): Promise<Map<number, string>> {
  const names = new Map<number, string>();
  const missing = new Set(prefixes.filter((prefix) => prefix.endsWith("\0")));
  for (let at = start; at < end; at += NAMES_STEP_BYTES) {
    const before = names.size;
    // A name that the last step has cut is in this one.
    const from = Math.max(start, at - MAX_NAME_BYTES);
    const bytes = await source.read(from, Math.min(end, at + NAMES_STEP_BYTES) - from);
    const table = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (const prefix of prefixes) {
      const wanted = Buffer.from(`\0${prefix}`, "latin1");
      for (let index = table.indexOf(wanted); index >= 0; index = table.indexOf(wanted, index + 1)) {
        const isCut = from + bytes.length < end && index + 1 + MAX_NAME_BYTES > bytes.length;
        if (isCut) continue;
        names.set(from - start + index + 1, cString(table, index + 1));
        missing.delete(prefix);
      }
    }
    // Packages lie in one piece.
    if (missing.size === 0 && names.size === before) break;
  }
  return names;
}

/** Names that lie near each other are of functions that do. */
async function searched(functab: Functab, names: ReadonlyMap<number, string>): Promise<GoFunction[]> {
  const found: GoFunction[] = [];
  const offsets = [...names.keys()].sort((a, b) => a - b);
  for (let first = 0, last = 0; first < offsets.length; first = ++last) {
    while (last + 1 < offsets.length && offsets[last + 1]! - offsets[last]! < CLUSTER_GAP_BYTES) last++;
    const start = await placeOf(functab, offsets[first]!);
    const end = await placeOf(functab, offsets[last]!);
    found.push(...(await functionsIn(functab, start - NEIGHBOURS, end + NEIGHBOURS, names)));
  }
  return found;
}

/** Before the first function whose name, or one of those just before it, is at `offset` or behind. */
async function placeOf(functab: Functab, offset: number): Promise<number> {
  let low = 0;
  let high = functab.count;
  while (low < high) {
    const middle = (low + high) >> 1;
    const near = await nameOffsets(functab, Math.max(0, middle - NEIGHBOURS), middle + 1);
    if (Math.max(...near) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function functionsIn(
  functab: Functab,
  start: number,
  end: number,
  names: ReadonlyMap<number, string>,
): Promise<GoFunction[]> {
  const found: GoFunction[] = [];
  const last = Math.min(functab.count, end);
  for (let first = Math.max(0, start); first < last; first += MAX_AT_ONCE) {
    const offsets = await nameOffsets(functab, first, Math.min(last, first + MAX_AT_ONCE));
    for (const [index, offset] of offsets.entries()) {
      const name = names.get(offset);
      if (name !== undefined) found.push(functionAt(functab, first + index, name));
    }
  }
  return found;
}

/** Where the names of some functions in a row are; -1 for one that lies elsewhere than it may. */
async function nameOffsets(functab: Functab, first: number, end: number): Promise<number[]> {
  const { source, start, entries, limitBytes } = functab;
  const places = Array.from({ length: end - first }, (_, index) =>
    entries.getUint32((first + index) * FUNCTAB_ENTRY_BYTES + 4, true),
  );
  const from = Math.min(...places);
  const to = Math.min(limitBytes, Math.max(...places) + FUNCTION_HEAD_BYTES, from + MAX_SPAN_BYTES);
  const bytes = from < to ? await source.read(start + from, to - from) : new Uint8Array();
  const view = viewOf(bytes);
  return places.map((place) =>
    place - from + FUNCTION_HEAD_BYTES <= bytes.length ? view.getInt32(place - from + 4, true) : -1,
  );
}

function functionAt({ entries, textAddress }: Functab, index: number, name: string): GoFunction {
  const start = entries.getUint32(index * FUNCTAB_ENTRY_BYTES, true);
  const next = entries.getUint32((index + 1) * FUNCTAB_ENTRY_BYTES, true);
  return { name, address: textAddress + start, sizeBytes: Math.max(0, next - start) };
}
