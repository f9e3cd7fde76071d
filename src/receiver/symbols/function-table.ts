/** The functions of an ELF file's symbol table, to be found by address (System V gABI, chapter 4, "Symbol Table"). */
import { cString, type ElfFile, readSection, sectionNamed, u64, viewOf } from "../elf/elf-file.ts";

const ENTRY_BYTES = 24;
const STT_NOTYPE = 0;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const STB_GLOBAL = 1;
const STB_WEAK = 2;
/** No compiler's names are longer. */
const NAME_LIMIT_BYTES = 4096;
/** A function that begins inside of another is rare; so far back is looked for the outer one. */
const OUTER_FUNCTION_DISTANCE = 8;

/** Sorted by address, one function for each. */
export class FunctionTable {
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  readonly #nameOffsets: Uint32Array;
  readonly #names: Uint8Array;

  constructor(starts: Float64Array, ends: Float64Array, nameOffsets: Uint32Array, names: Uint8Array) {
    this.#starts = starts;
    this.#ends = ends;
    this.#nameOffsets = nameOffsets;
    this.#names = names;
  }

  get count(): number {
    return this.#starts.length;
  }

  get sizeBytes(): number {
    return this.#names.length + 20 * this.count;
  }

  /** The name as it is in the file. */
  nameAt(address: number): string | undefined {
    const last = upperBound(this.#starts, address) - 1;
    for (let i = last; i >= 0 && i > last - OUTER_FUNCTION_DISTANCE; i--) {
      if (address < this.#ends[i]!) return withoutVersion(cString(this.#names, this.#nameOffsets[i]!));
    }
    return undefined;
  }
}

/** `pthread_create@@GLIBC_2.34` in a .symtab: the linker's own notation. */
function withoutVersion(name: string): string {
  const at = name.indexOf("@");
  return at > 0 ? name.slice(0, at) : name;
}

/** Index of the first value above. */
export function upperBound(values: Float64Array, wanted: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! <= wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface Candidates {
  readonly starts: Float64Array;
  readonly sizes: Float64Array;
  readonly nameOffsets: Uint32Array;
  readonly ranks: Uint8Array;
  /** Where a function without a size ends at the latest. */
  readonly limits: Float64Array;
}

/** @returns undefined without such a table, or when it is above the limit */
export async function readFunctionTable(
  elf: ElfFile,
  table: ".symtab" | ".dynsym",
  limitBytes: number,
): Promise<FunctionTable | undefined> {
  const section = sectionNamed(elf, table);
  const strings = section === undefined ? undefined : elf.sections[section.link];
  if (section === undefined || strings === undefined) return undefined;
  if (section.sizeBytes + strings.sizeBytes > limitBytes) return undefined;
  const entries = await readSection(elf, section, limitBytes);
  const names = await readSection(elf, strings, limitBytes);
  if (entries === undefined || names === undefined) return undefined;
  return sorted(candidatesOf(elf, entries, names), names);
}

function candidatesOf(elf: ElfFile, entries: Uint8Array, names: Uint8Array): Candidates {
  const view = viewOf(entries);
  const most = Math.floor(entries.length / ENTRY_BYTES);
  const starts = new Float64Array(most);
  const sizes = new Float64Array(most);
  const limits = new Float64Array(most);
  const nameOffsets = new Uint32Array(most);
  const ranks = new Uint8Array(most);
  let count = 0;
  for (let at = 0; at + ENTRY_BYTES <= entries.length; at += ENTRY_BYTES) {
    const info = entries[at + 4]!;
    const type = info & 0xf;
    const isFunction = type === STT_FUNC || type === STT_GNU_IFUNC;
    if (!isFunction && type !== STT_NOTYPE) continue;
    const section = elf.sections[view.getUint16(at + 6, true)];
    // SHN_UNDEF is section 0, which is not executable; labels of data have no type either.
    if (section === undefined || !section.isExecutable) continue;
    const nameOffset = view.getUint32(at, true);
    // Arm's mapping symbols ($x, $d) and compilers' local labels (.L) are no functions.
    const first = names[nameOffset];
    if (first === undefined || first === 0 || first === 0x24 || first === 0x2e) continue;
    starts[count] = u64(view, at + 8);
    sizes[count] = u64(view, at + 16);
    limits[count] = section.address + section.sizeBytes;
    nameOffsets[count] = nameOffset;
    ranks[count] = rankOf(isFunction, info >> 4, sizes[count]! > 0, names, nameOffset);
    count++;
  }
  return {
    starts: starts.subarray(0, count),
    sizes: sizes.subarray(0, count),
    limits: limits.subarray(0, count),
    nameOffsets: nameOffsets.subarray(0, count),
    ranks: ranks.subarray(0, count),
  };
}

/** Of several names for one address: the public one that people write (`write` rather than `__write` or `__libc_write`). */
function rankOf(isFunction: boolean, binding: number, hasSize: boolean, names: Uint8Array, nameOffset: number): number {
  let underscores = 0;
  while (underscores < 3 && names[nameOffset + underscores] === 0x5f) underscores++;
  const isPublic = binding === STB_GLOBAL || binding === STB_WEAK;
  return (isFunction ? 32 : 0) + (hasSize ? 16 : 0) + (isPublic ? 8 : 0) + (3 - underscores);
}

function sorted({ starts, sizes, nameOffsets, ranks, limits }: Candidates, names: Uint8Array): FunctionTable {
  const order = orderOf(starts);
  let count = 0;
  for (let i = 0; i < order.length; i++) {
    const index = order[i]!;
    const kept = order[count - 1];
    if (i === 0 || kept === undefined || starts[index] !== starts[kept]) {
      order[count++] = index;
      continue;
    }
    const better = ranks[index]! > ranks[kept]! ? index : kept;
    const size = Math.max(sizes[index]!, sizes[kept]!);
    sizes[better] = size;
    order[count - 1] = better;
  }
  const kept = order.subarray(0, count);
  const ends = new Float64Array(count);
  kept.forEach((index, i) => {
    const next = i + 1 < count ? starts[kept[i + 1]!]! : Number.POSITIVE_INFINITY;
    ends[i] = sizes[index]! > 0 ? starts[index]! + sizes[index]! : Math.min(next, limits[index]!);
  });
  const { bytes, offsets } = namesOf(kept, nameOffsets, names);
  return new FunctionTable(
    Float64Array.from(kept, (index) => starts[index]!),
    ends,
    offsets,
    bytes,
  );
}

/** The names of these functions alone: a string table has those of data, of what is imported, and of all their twins too. */
function namesOf(
  kept: Uint32Array,
  nameOffsets: Uint32Array,
  names: Uint8Array,
): { readonly bytes: Uint8Array; readonly offsets: Uint32Array } {
  const lengths = kept.map((index) => nameLength(names, nameOffsets[index]!));
  const total = lengths.reduce((sum, length) => sum + length + 1, 0);
  // Where names share their bytes the table itself is shorter; a stranger's may share them all.
  if (total > names.length) return { bytes: names, offsets: kept.map((index) => nameOffsets[index]!) };
  const offsets = new Uint32Array(kept.length);
  const bytes = new Uint8Array(total);
  let at = 0;
  kept.forEach((index, i) => {
    offsets[i] = at;
    bytes.set(names.subarray(nameOffsets[index]!, nameOffsets[index]! + lengths[i]!), at);
    at += lengths[i]! + 1;
  });
  return { bytes, offsets };
}

function nameLength(names: Uint8Array, offset: number): number {
  const rest = names.subarray(offset, offset + NAME_LIMIT_BYTES);
  const end = rest.indexOf(0);
  return end < 0 ? rest.length : end;
}

/**
 * Indexes by their values, equal ones in their order. A typed array without a comparison function is sorted ten times as
 * fast, so the index is packed below the value where both fit into a double.
 */
export function orderOf(values: Float64Array): Uint32Array {
  const { length } = values;
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const scale = 2 ** Math.ceil(Math.log2(length + 1));
  if ((most - least + 1) * scale >= Number.MAX_SAFE_INTEGER) {
    return Uint32Array.from(values, (_, index) => index).sort((a, b) => values[a]! - values[b]! || a - b);
  }
  const packed = new Float64Array(length);
  for (let i = 0; i < length; i++) packed[i] = (values[i]! - least) * scale + i;
  packed.sort();
  return Uint32Array.from(packed, (value) => value % scale);
}
