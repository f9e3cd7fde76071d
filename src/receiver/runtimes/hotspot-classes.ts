/**
 * Classes that HotSpot has loaded, found by name as its debuggers find them: class loaders, their classes, and where the
 * fields lie (instanceKlass.hpp; fieldInfo.hpp from JDK 21 on, before that rows of u2).
 */
import { u64, viewOf } from "../elf/elf-file.ts";
import type { ProcessView } from "./process-view.ts";
import type { VmStructs } from "./vm-structs.ts";

const BLOCK_BYTES = 65_536;
const PAGE_BYTES = 4096;
const MAX_BLOCKS = 1024;
const MAX_CLASSES = 65_536;
const MAX_LOADERS = 8192;
const MAX_FIELDS = 512;
const MAX_NAME_BYTES = 256;
/** Of a row before JDK 21: access, name, signature, initial value, and the offset with two tag bits below it. */
const ROW_FIELDS = 6;
const OFFSET_TAG_BITS = 2;
const FIELD_FLAGS_WITH_OPERAND = [1 << 0, 1 << 2, 1 << 4] as const;

export interface HotspotClass {
  /** Of its Klass. */
  readonly address: number;
  /** Of its instance fields and static ones, by name. */
  readonly fields: ReadonlyMap<string, number>;
  /** Of an instance. */
  readonly sizeBytes: number;
}

/** Memory of the process, read by blocks: what is wanted lies close together. */
export class MemoryBlocks {
  readonly #process: ProcessView;
  readonly #blocks = new Map<number, Promise<Uint8Array>>();

  constructor(process: ProcessView) {
    this.#process = process;
  }

  async bytes(address: number, lengthBytes: number): Promise<Uint8Array> {
    const result = new Uint8Array(lengthBytes);
    for (let done = 0; done < lengthBytes; ) {
      const bytes = await this.#from(address + done);
      const count = Math.min(lengthBytes - done, bytes.length);
      if (count === 0) throw new RangeError("not mapped");
      result.set(bytes.subarray(0, count), done);
      done += count;
    }
    return result;
  }

  async pointer(address: number): Promise<number> {
    return u64(viewOf(await this.bytes(address, 8)), 0);
  }

  async u32(address: number): Promise<number> {
    return viewOf(await this.bytes(address, 4)).getUint32(0, true);
  }

  async u16(address: number): Promise<number> {
    return viewOf(await this.bytes(address, 2)).getUint16(0, true);
  }

  /** A block may begin before what is mapped. */
  async #from(address: number): Promise<Uint8Array> {
    for (const size of [BLOCK_BYTES, PAGE_BYTES]) {
      const block = await this.#block(address - (address % size), size);
      if (block.length > address % size) return block.subarray(address % size);
    }
    return new Uint8Array();
  }

  #block(start: number, size: number): Promise<Uint8Array> {
    const key = start + (size === BLOCK_BYTES ? 0 : 1);
    let block = this.#blocks.get(key);
    if (block === undefined) {
      if (this.#blocks.size >= MAX_BLOCKS) this.#blocks.clear();
      block = this.#process.memory(start, size);
      this.#blocks.set(key, block);
    }
    return block;
  }
}

/** The types of `readVmStructs` that are needed here. */
export const CLASS_TYPES = [
  "ClassLoaderDataGraph",
  "ClassLoaderData",
  "Klass",
  "InstanceKlass",
  "ConstantPool",
  "Symbol",
];

/** Classes of a process, by name: those that have been loaded since the last look are looked at. */
export class LoadedClasses {
  readonly found = new Map<string, HotspotClass>();
  readonly #structs: VmStructs;
  readonly #names: ReadonlySet<string>;
  /** By class loader: the one that it had loaded last; a loader puts the next before it. */
  readonly #last = new Map<number, number>();

  /** @param names as the VM has them: `java/util/concurrent/FutureTask` */
  constructor(structs: VmStructs, names: ReadonlySet<string>) {
    this.#structs = structs;
    this.#names = names;
  }

  async look(process: ProcessView): Promise<void> {
    const { addresses } = this.#structs;
    const memory = new MemoryBlocks(process);
    const head = addresses.get("ClassLoaderDataGraph::_head");
    const [next, klasses] = offsetsOf(this.#structs, ["ClassLoaderData::_next", "ClassLoaderData::_klasses"]);
    if (head === undefined || next === undefined) return;
    let left = MAX_CLASSES;
    for (
      let loader = await memory.pointer(head);
      loader !== 0 && left > 0;
      loader = await memory.pointer(loader + next)
    ) {
      left -= await this.#lookAt(memory, loader, await memory.pointer(loader + klasses!), left);
    }
  }

  /** @returns how many classes it has looked at */
  async #lookAt(memory: MemoryBlocks, loader: number, first: number, limit: number): Promise<number> {
    const structs = this.#structs;
    const [link, name] = offsetsOf(structs, ["Klass::_next_link", "Klass::_name"]);
    if (link === undefined || name === undefined) return limit;
    const end = this.#last.get(loader) ?? 0;
    let count = 1;
    for (
      let klass = first;
      klass !== end && klass !== 0 && count < limit;
      count++, klass = await memory.pointer(klass + link)
    ) {
      const text = await symbolText(memory, structs, await memory.pointer(klass + name));
      if (text === undefined || !this.#names.has(text) || this.found.has(text)) continue;
      const fields = await fieldsOf(memory, structs, klass);
      const size = await memory.u32(klass + (structs.offsets.get("Klass::_layout_helper") ?? 8));
      this.found.set(text, { address: klass, fields, sizeBytes: size & ~7 });
    }
    if (this.#last.size < MAX_LOADERS) this.#last.set(loader, first);
    return count;
  }
}

function offsetsOf(structs: VmStructs, names: readonly string[]): readonly (number | undefined)[] {
  const offsets = names.map((name) => structs.offsets.get(name));
  return offsets.includes(undefined) ? [] : offsets;
}

async function symbolText(memory: MemoryBlocks, structs: VmStructs, symbol: number): Promise<string | undefined> {
  const [length, body] = offsetsOf(structs, ["Symbol::_length", "Symbol::_body"]);
  if (symbol === 0 || length === undefined || body === undefined) return undefined;
  const count = await memory.u16(symbol + length);
  return count > MAX_NAME_BYTES ? undefined : Buffer.from(await memory.bytes(symbol + body, count)).toString("latin1");
}

async function fieldsOf(memory: MemoryBlocks, structs: VmStructs, klass: number): Promise<Map<string, number>> {
  const fields = new Map<string, number>();
  const constants = structs.offsets.get("InstanceKlass::_constants");
  const header = structs.sizes.get("ConstantPool");
  if (constants === undefined || header === undefined) return fields;
  const pool = await memory.pointer(klass + constants);
  for (const { nameIndex, offset } of await rowsOf(memory, structs, klass)) {
    const text = await symbolText(memory, structs, await memory.pointer(pool + header + 8 * nameIndex));
    if (text !== undefined) fields.set(text, offset);
  }
  return fields;
}

interface FieldRow {
  readonly nameIndex: number;
  readonly offset: number;
}

async function rowsOf(memory: MemoryBlocks, structs: VmStructs, klass: number): Promise<readonly FieldRow[]> {
  const stream = structs.offsets.get("InstanceKlass::_fieldinfo_stream");
  if (stream !== undefined) {
    const array = await memory.pointer(klass + stream);
    const length = await memory.u32(array);
    return rowsOfStream(await memory.bytes(array + 4, Math.min(length, BLOCK_BYTES)));
  }
  const [rows, count] = offsetsOf(structs, ["InstanceKlass::_fields", "InstanceKlass::_java_fields_count"]);
  if (rows === undefined || count === undefined) return [];
  const fields = Math.min(await memory.u16(klass + count), MAX_FIELDS);
  const view = viewOf(await memory.bytes((await memory.pointer(klass + rows)) + 4, fields * ROW_FIELDS * 2));
  return Array.from({ length: fields }, (_, field) => {
    const at = field * ROW_FIELDS * 2;
    return { nameIndex: view.getUint16(at + 2, true), offset: view.getUint32(at + 8, true) >>> OFFSET_TAG_BITS };
  });
}

/** fieldInfo.hpp: counts, then of each field its name, signature, offset, access and flags, which tell what follows. */
function rowsOfStream(bytes: Uint8Array): readonly FieldRow[] {
  const numbers = new UnsignedFives(bytes);
  const count = Math.min(numbers.next(), MAX_FIELDS);
  numbers.next();
  const rows: FieldRow[] = [];
  for (let field = 0; field < count; field++) {
    const [nameIndex, , offset, , flags] = [
      numbers.next(),
      numbers.next(),
      numbers.next(),
      numbers.next(),
      numbers.next(),
    ];
    for (const flag of FIELD_FLAGS_WITH_OPERAND) if ((flags & flag) !== 0) numbers.next();
    rows.push({ nameIndex, offset });
  }
  return rows;
}

/** unsigned5.hpp: digits to the base 64, the lowest first; those of 192 and more go on; no byte is 0. */
class UnsignedFives {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  next(): number {
    let sum = 0;
    for (let digit = 0, weight = 1; digit < 5; digit++, weight *= 64) {
      const byte = this.#bytes[this.#at++] ?? 1;
      sum += (byte - 1) * weight;
      if (byte < 192) break;
    }
    return sum;
  }
}
