/**
 * Go's own table of functions, files, lines and inlined calls (runtime/symtab.go, internal/abi/symtab.go, cmd/link
 * pcln.go): the runtime needs it for tracebacks, so it is there in stripped programs too. Forms of Go 1.16, 1.18, 1.20+.
 */
import type { FrameLine } from "../../mapping/profile.ts";
import { cString, u64, viewOf } from "../elf/elf-file.ts";

const MAGIC_1_16 = 0xfffffffa;
const MAGIC_1_18 = 0xfffffff0;
const MAGIC_1_20 = 0xfffffff1;
/** internal/abi: PCDATA_InlTreeIndex, FUNCDATA_InlTree. */
const PCDATA_INLINE_TREE_INDEX = 2;
const FUNCDATA_INLINE_TREE = 3;
const FUNCTION_LIMIT = 4_000_000;
/** A table of one function's values; real ones have a few hundred steps. */
const STEP_LIMIT = 100_000;
/** Of all functions' tables, which they may share: a program of 200 MB has two million. */
const ALL_STEPS_LIMIT = 40_000_000;
const INLINE_DEPTH_LIMIT = 64;

interface GoTextStart {
  /** Of the function entries: runtime.text, where the header does not have it (Go 1.26 leaves it 0). */
  readonly textStart: number;
  /** Bytes at an address behind moduledata.gofunc; undefined where that is not known: no inlined calls then. */
  readonly functionData: ((offset: number, lengthBytes: number) => Uint8Array) | undefined;
}

interface Header {
  readonly hasWideEntries: boolean;
  readonly inlineEntryBytes: 16 | 20;
  readonly quantum: number;
  readonly count: number;
  readonly textStart: number;
  readonly names: number;
  readonly compilationUnits: number;
  readonly files: number;
  readonly values: number;
  readonly functions: number;
}

interface GoFunction {
  readonly entry: number;
  readonly end: number;
  readonly at: number;
}

export class GoLineTable {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #header: Header;
  readonly #textStart: number;
  readonly #functionData: GoTextStart["functionData"];

  private constructor(bytes: Uint8Array, header: Header, { textStart, functionData }: GoTextStart) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#header = header;
    this.#textStart = header.hasWideEntries ? 0 : header.textStart || textStart;
    this.#functionData = functionData;
  }

  /** @returns undefined when it is no table of a form that we know */
  static parse(bytes: Uint8Array, start: GoTextStart): GoLineTable | undefined {
    const header = readHeader(bytes);
    return header === undefined ? undefined : new GoLineTable(bytes, header, start);
  }

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  /** The innermost inlined function first; undefined when no function is there. */
  linesAt(address: number): FrameLine[] | undefined {
    const found = this.#find(address);
    if (found === undefined) return undefined;
    const lines: FrameLine[] = [];
    const inlined = this.#inlinedAt(found, address);
    let pc = address;
    for (const { name, parentPc } of inlined) {
      lines.push(this.#lineAt(found, name, pc));
      pc = found.entry + parentPc;
    }
    lines.push(this.#lineAt(found, this.#nameOf(this.#i32(found.at + this.#field(0))), pc));
    return lines;
  }

  /**
   * How far the stack pointer is below the return address, for each stretch of code, by address (_func.pcsp): what
   * unwinding needs where a function has no frame, or has not made it yet.
   */
  forEachDepth(visit: (start: number, depthBytes: number) => void): void {
    const { count, functions, values, quantum } = this.#header;
    let steps = 0;
    for (let index = 0; index < count && steps < ALL_STEPS_LIMIT; index++) {
      const entry = this.#entry(index);
      const table = this.#u32(functions + this.#functionOffset(index) + this.#field(3));
      let [at, pc, depth] = [values + table, entry, -1];
      for (let step = 0; table !== 0 && step < STEP_LIMIT; step++, steps++) {
        const [delta, afterDelta] = varint(this.#bytes, at);
        const [advance, afterAdvance] = varint(this.#bytes, afterDelta);
        if (afterDelta === 0 || afterAdvance === 0 || (delta === 0 && step > 0)) break;
        depth += (delta & 1) !== 0 ? -((delta >>> 1) + 1) : delta >>> 1;
        visit(pc, depth);
        pc += advance * quantum;
        at = afterAdvance;
      }
    }
    const end = this.#entry(count);
    if (Number.isFinite(end)) visit(end, -1);
  }

  #find(address: number): GoFunction | undefined {
    let low = 0;
    let high = this.#header.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entry(middle) <= address) low = middle + 1;
      else high = middle;
    }
    const index = low - 1;
    // The table ends with an entry that is the end of the last function.
    if (index < 0 || index >= this.#header.count) return undefined;
    const end = this.#entry(index + 1);
    if (address >= end) return undefined;
    const at = this.#header.functions + this.#functionOffset(index);
    return at + 44 <= this.#bytes.length ? { entry: this.#entry(index), end, at } : undefined;
  }

  #entry(index: number): number {
    const { functions, hasWideEntries } = this.#header;
    const at = functions + index * (hasWideEntries ? 16 : 8);
    if (at + 8 > this.#bytes.length) return Number.POSITIVE_INFINITY;
    return hasWideEntries ? u64(this.#view, at) : this.#textStart + this.#view.getUint32(at, true);
  }

  #functionOffset(index: number): number {
    const { functions, hasWideEntries } = this.#header;
    return hasWideEntries
      ? u64(this.#view, functions + index * 16 + 8)
      : this.#view.getUint32(functions + index * 8 + 4, true);
  }

  /** Offset in struct _func of the n-th field behind the entry: name, args, deferreturn, pcsp, pcfile, pcln, npcdata, cuOffset. */
  #field(n: number): number {
    return (this.#header.hasWideEntries ? 8 : 4) + 4 * n;
  }

  #lineAt({ at, entry }: GoFunction, functionName: string, pc: number): FrameLine {
    const file = this.#value(this.#u32(at + this.#field(4)), entry, pc);
    const line = this.#value(this.#u32(at + this.#field(5)), entry, pc);
    return {
      functionName,
      fileName: file === undefined || file < 0 ? undefined : this.#fileName(this.#u32(at + this.#field(7)), file),
      lineNumber: line === undefined || line < 0 ? 0 : line,
    };
  }

  #fileName(unit: number, file: number): string | undefined {
    const offset = this.#u32(this.#header.compilationUnits + 4 * (unit + file));
    return offset === 0xffffffff ? undefined : cString(this.#bytes, this.#header.files + offset) || undefined;
  }

  #nameOf(offset: number): string {
    return cString(this.#bytes, this.#header.names + offset);
  }

  /** As inlineUnwinder of runtime/symtabinl.go. */
  #inlinedAt({ at, entry }: GoFunction, address: number): { name: string; parentPc: number }[] {
    const inlined: { name: string; parentPc: number }[] = [];
    const read = this.#functionData;
    const { hasWideEntries, inlineEntryBytes } = this.#header;
    if (read === undefined || hasWideEntries) return inlined;
    const dataCount = this.#u32(at + this.#field(6));
    // npcdata, cuOffset, then startLine in 1.20+, then funcID, flag, padding, nfuncdata.
    const tail = at + this.#field(8) + (inlineEntryBytes === 16 ? 4 : 0);
    const functionDataCount = this.#bytes[tail + 3] ?? 0;
    if (dataCount <= PCDATA_INLINE_TREE_INDEX || functionDataCount <= FUNCDATA_INLINE_TREE) return inlined;
    const table = this.#u32(tail + 4 + 4 * PCDATA_INLINE_TREE_INDEX);
    const tree = this.#u32(tail + 4 + 4 * dataCount + 4 * FUNCDATA_INLINE_TREE);
    if (tree === 0xffffffff || table === 0) return inlined;
    let pc = address;
    for (let depth = 0; depth < INLINE_DEPTH_LIMIT; depth++) {
      const index = this.#value(table, entry, pc);
      if (index === undefined || index < 0) break;
      const call = read(tree + index * inlineEntryBytes, inlineEntryBytes);
      if (call.length < inlineEntryBytes) break;
      const view = viewOf(call);
      const isNew = inlineEntryBytes === 16;
      const parentPc = view.getInt32(isNew ? 8 : 16, true);
      inlined.push({ name: this.#nameOf(view.getInt32(isNew ? 4 : 12, true)), parentPc });
      pc = entry + parentPc;
    }
    return inlined;
  }

  /** The value at a program counter: pairs of signed value and unsigned program counter steps (runtime/symtab.go, step). */
  #value(table: number, entry: number, target: number): number | undefined {
    if (table === 0) return undefined;
    const bytes = this.#bytes;
    let at = this.#header.values + table;
    let pc = entry;
    let value = -1;
    for (let step = 0; step < STEP_LIMIT; step++) {
      const [delta, afterDelta] = varint(bytes, at);
      if (afterDelta === 0 || (delta === 0 && step > 0)) return undefined;
      const [advance, afterAdvance] = varint(bytes, afterDelta);
      if (afterAdvance === 0) return undefined;
      at = afterAdvance;
      value += (delta & 1) !== 0 ? -((delta >>> 1) + 1) : delta >>> 1;
      pc += advance * this.#header.quantum;
      if (target < pc) return value;
    }
    return undefined;
  }

  #u32(at: number): number {
    return at >= 0 && at + 4 <= this.#bytes.length ? this.#view.getUint32(at, true) : 0;
  }

  #i32(at: number): number {
    return this.#u32(at) | 0;
  }
}

/** @returns value and the offset behind it; offset 0: cut */
function varint(bytes: Uint8Array, from: number): readonly [number, number] {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[from + i];
    if (byte === undefined) break;
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return [value >>> 0, from + i + 1];
  }
  return [0, 0];
}

function readHeader(bytes: Uint8Array): Header | undefined {
  if (bytes.length < 72) return undefined;
  const view = viewOf(bytes);
  const magic = view.getUint32(0, true);
  const quantum = bytes[6]!;
  if (bytes[4] !== 0 || bytes[5] !== 0 || ![1, 2, 4].includes(quantum) || bytes[7] !== 8) return undefined;
  if (magic !== MAGIC_1_16 && magic !== MAGIC_1_18 && magic !== MAGIC_1_20) return undefined;
  const hasWideEntries = magic === MAGIC_1_16;
  const count = u64(view, 8);
  // textStart came with 1.18, behind nfunc and nfiles.
  const offsets = hasWideEntries ? 24 : 32;
  const word = (n: number) => u64(view, offsets + 8 * n);
  const header: Header = {
    hasWideEntries,
    inlineEntryBytes: magic === MAGIC_1_20 ? 16 : 20,
    quantum,
    count,
    textStart: hasWideEntries ? 0 : u64(view, 24),
    names: word(0),
    compilationUnits: word(1),
    files: word(2),
    values: word(3),
    functions: word(4),
  };
  const places = [header.names, header.compilationUnits, header.files, header.values, header.functions];
  const isWithin = count <= FUNCTION_LIMIT && places.every((place) => place < bytes.length);
  return isWithin ? header : undefined;
}
