/**
 * C functions of CPython's types, as places of the file that holds them: they have no symbols of their own, but the
 * description of the type is found by its name. Up to 3.11 most types are static (struct _typeobject), later ones are made
 * of a PyType_Spec (Include/object.h); both lie in the image's data.
 */
import { cString, type Segment, u64, viewOf } from "../elf/elf-file.ts";
import { findSymbol } from "../elf/symbols.ts";
import type { CodePlace } from "./code-place.ts";
import { findImage, type Image } from "./images.ts";
import type { MemoryMapping, ProcessView } from "./process-view.ts";

/** Of _typeobject. */
const TYPE_NAME = 24;
const TYPE_METHODS = 232;
const TYPE_INIT = 296;
/** Of PyType_Spec: name, basicsize, itemsize, flags, slots. */
const SPEC_BYTES = 32;
const SPEC_BASIC_SIZE = 8;
const SPEC_ITEM_SIZE = 12;
const SPEC_FLAGS = 16;
const SPEC_SLOTS = 24;
const MAX_BASIC_SIZE = 4096;
/** Include/typeslots.h */
const SLOT_INIT = 60;
const SLOT_METHODS = 64;
const SLOT_BYTES = 16;
const MAX_SLOTS = 64;
/** PyMethodDef: name, function, flags, documentation. */
const METHOD_BYTES = 32;
const MAX_METHODS = 64;
const MAX_METHOD_NAME_BYTES = 32;
const PT_LOAD = 1;
const MAX_SEGMENT_BYTES = 32 << 20;
const MAX_KNOWN = 256;
const MAX_MISSES = 16;

export interface WantedFunction {
  /** `_asyncio.Task` */
  readonly type: string;
  /** A method's name; undefined: the type's tp_init. */
  readonly method?: string;
  /** The extension module: a file of its own (`_asyncio.cpython-312-x86_64-linux-gnu.so`), or in the interpreter. */
  readonly module: string;
}

/** By file and function or symbol: where it is in the file; undefined: not in it. */
const known = new Map<string, number | undefined>();

/** How often it was not found: a library that is just being loaded has no pointers yet. */
const misses = new Map<string, number>();

/** @returns whether a file in which it was not found is to be searched again */
function isWorthAnother(key: string): boolean {
  const count = (misses.get(key) ?? 0) + 1;
  if (misses.size >= MAX_KNOWN) misses.clear();
  misses.set(key, count);
  return count < MAX_MISSES;
}

/** @returns undefined where the process does not have it (yet) */
export async function findTypeFunction(
  process: ProcessView,
  interpreter: Image,
  wanted: WantedFunction,
): Promise<CodePlace | undefined> {
  const image = (await moduleFile(process, wanted.module)) ?? (await builtIn(process, interpreter, wanted.module));
  if (image === undefined) return undefined;
  const mappings = (await process.mappings()).filter(({ path }) => path === image.path);
  const inode = mappings[0]?.inode ?? "";
  const key = `${inode} ${wanted.type} ${wanted.method ?? ""}`;
  if (!known.has(key)) {
    const address = await new TypeSearch(process, image, mappings).find(wanted);
    const holder = address === undefined ? undefined : mappingOf(mappings, address);
    if (holder === undefined && isWorthAnother(key)) return undefined;
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(key, holder === undefined ? undefined : address! - holder.start + holder.fileOffset);
  }
  const offset = known.get(key);
  const mapping = offset === undefined ? undefined : mappings.find((each) => each.isExecutable && holds(each, offset));
  return mapping === undefined ? undefined : { start: mapping.start, end: mapping.end, offset: offset! };
}

function moduleFile(process: ProcessView, module: string): Promise<Image | undefined> {
  return findImage(process, new RegExp(`^${module}\\.[^/]*so$`));
}

async function builtIn(process: ProcessView, interpreter: Image, module: string): Promise<Image | undefined> {
  const mapping = (await process.mappings()).find(({ path }) => path === interpreter.path);
  const symbol = `PyInit_${module}`;
  const key = `${mapping?.inode} ${symbol}`;
  if (!known.has(key)) known.set(key, (await findSymbol(interpreter.elf, symbol))?.value);
  return known.get(key) === undefined ? undefined : interpreter;
}

function holds({ fileOffset, start, end }: MemoryMapping, offset: number): boolean {
  return offset >= fileOffset && offset < fileOffset + (end - start);
}

function mappingOf(mappings: readonly MemoryMapping[], address: number): MemoryMapping | undefined {
  return mappings.find(({ isExecutable, start, end }) => isExecutable && address >= start && address < end);
}

class TypeSearch {
  readonly #process: ProcessView;
  readonly #image: Image;
  readonly #mappings: readonly MemoryMapping[];

  constructor(process: ProcessView, image: Image, mappings: readonly MemoryMapping[]) {
    this.#process = process;
    this.#image = image;
    this.#mappings = mappings;
  }

  /** @returns the function's address in the process */
  async find({ type, method }: WantedFunction): Promise<number | undefined> {
    for (const name of await this.#addressesOf(type)) {
      for (const at of await this.#pointersTo(name)) {
        const found = await this.#described(at, method);
        if (found !== undefined && mappingOf(this.#mappings, found) !== undefined) return found;
      }
    }
    return undefined;
  }

  get #segments(): readonly Segment[] {
    return this.#image.elf.segments.filter(
      ({ type, fileSizeBytes }) => type === PT_LOAD && fileSizeBytes <= MAX_SEGMENT_BYTES,
    );
  }

  async #addressesOf(text: string): Promise<readonly number[]> {
    const wanted = Buffer.from(`\0${text}\0`, "latin1");
    const found: number[] = [];
    for (const { fileOffset, address, fileSizeBytes } of this.#segments) {
      const bytes = Buffer.from(await this.#image.elf.source.read(fileOffset, fileSizeBytes));
      for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1))
        found.push(this.#image.loadBias + address + at + 1);
    }
    return found;
  }

  /** In the process's memory, where the pointers have been relocated. */
  async #pointersTo(address: number): Promise<readonly number[]> {
    const wanted = Buffer.alloc(8);
    wanted.writeBigUInt64LE(BigInt(address));
    const found: number[] = [];
    for (const segment of this.#segments) {
      if (segment.isExecutable) continue;
      const start = this.#image.loadBias + segment.address;
      const bytes = Buffer.from(await this.#process.memory(start, segment.fileSizeBytes));
      for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1))
        if ((start + at) % 8 === 0) found.push(start + at);
    }
    return found;
  }

  /** @param at where a pointer to the type's name lies */
  async #described(at: number, method: string | undefined): Promise<number | undefined> {
    const spec = viewOf(await this.#process.memory(at, SPEC_BYTES));
    if (spec.byteLength < SPEC_BYTES) return undefined;
    const basicSize = spec.getInt32(SPEC_BASIC_SIZE, true);
    const isSpec =
      basicSize > 0 &&
      basicSize < MAX_BASIC_SIZE &&
      spec.getInt32(SPEC_ITEM_SIZE, true) === 0 &&
      spec.getUint32(SPEC_FLAGS, true) !== 0;
    if (isSpec) {
      const slots = await this.#slots(u64(spec, SPEC_SLOTS));
      const methods = slots.get(SLOT_METHODS);
      if (method === undefined) return slots.get(SLOT_INIT);
      return methods === undefined ? undefined : this.#methodIn(methods, method);
    }
    const type = at - TYPE_NAME;
    if (method === undefined) return this.#pointer(type + TYPE_INIT);
    return this.#methodIn(await this.#pointer(type + TYPE_METHODS), method);
  }

  async #slots(address: number): Promise<ReadonlyMap<number, number>> {
    const view = viewOf(await this.#process.memory(address, SLOT_BYTES * MAX_SLOTS));
    const slots = new Map<number, number>();
    for (let at = 0; at + SLOT_BYTES <= view.byteLength; at += SLOT_BYTES) {
      const slot = view.getInt32(at, true);
      if (slot === 0) break;
      slots.set(slot, u64(view, at + 8));
    }
    return slots;
  }

  async #methodIn(table: number, method: string): Promise<number | undefined> {
    for (let index = 0; index < MAX_METHODS; index++) {
      const entry = viewOf(await this.#process.memory(table + METHOD_BYTES * index, METHOD_BYTES));
      if (entry.byteLength < METHOD_BYTES || u64(entry, 0) === 0) return undefined;
      const name = cString(await this.#process.memory(u64(entry, 0), MAX_METHOD_NAME_BYTES), 0);
      if (name === method) return u64(entry, 8);
    }
    return undefined;
  }

  async #pointer(address: number): Promise<number> {
    const bytes = await this.#process.memory(address, 8);
    return bytes.length === 8 ? u64(viewOf(bytes), 0) : 0;
  }
}
