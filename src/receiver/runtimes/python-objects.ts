/** CPython's objects in another process: code, names, types. Everything read may be gone or something else: undefined then. */
import { cString, u64, viewOf } from "../elf/elf-file.ts";
import { FRAME_WORDS, type FrameLayout } from "./cpython-layout.ts";
import type { ProcessView } from "./process-view.ts";
import { PythonHash, probes } from "./python-hash.ts";

/** Of fields that are at the same place in 3.11 to 3.13 (x86-64). */
export const PyOffset = {
  type: 8,
  size: 16,
  tupleItems: 24,
  listItems: 24,
  typeName: 24,
  codeConstants: 24,
  codeNames: 96,
  codeFile: 112,
  codeQualifiedName: 128,
  typeBase: 256,
  typeDictionary: 264,
  moduleDictionary: 16,
  dictionaryKeys: 32,
  functionCode: 48,
  /** Of a method of a type that is written in C: its PyMethodDef. Of a function of C, and Cython's, too: builtinMethod. */
  descriptorMethod: 40,
  builtinMethod: 16,
  functionClosure: 72,
  cellContent: 16,
  futureContext: 32,
} as const;

const CODE_BYTES = 136;
const MAX_TEXT_BYTES = 400;
const USER_SPACE_END = 2 ** 47;
const MAX_ITEMS = 64;
/** PyDictKeysObject (Include/internal/pycore_dict.h) */
const KEYS_SIZE_LOG2 = 8;
const KEYS_INDEX_BYTES_LOG2 = 9;
const KEYS_KIND = 10;
const KEYS_COUNT = 24;
const KEYS_INDICES = 32;
const KEYS_OF_TEXT = 1;
const MAX_KEYS = 8192;
const MAX_INDEX_BYTES_LOG2 = 15;
/** Names lie close together: they are read together where no more than this lies between two of them. */
const MAX_GAP_BYTES = 4096;
const MAX_TOGETHER_BYTES = 1 << 16;
const MAX_FRAME_WORDS = 4096;
/** Of a string: its hash, which whoever is a key has. */
const TEXT_HASH = 24;

/** A dictionary's table: the places, each with the index of an entry, and the entries, pairs of pointers to key and value. */
interface Table {
  readonly sizeLog2: number;
  readonly places: DataView;
  readonly entries: DataView;
}

export interface PythonCode {
  readonly address: number;
  readonly qualifiedName: string;
  readonly fileName: string;
  /** On the data stack. */
  readonly frameBytes: number;
  /** Names of parameters and locals, then cells, then free variables. */
  names(): Promise<readonly string[]>;
  /** Of these, the free ones: in the order of a function's closure. */
  freeNames(): Promise<readonly string[]>;
}

export class PythonObjects {
  readonly #process: ProcessView;
  readonly #layout: FrameLayout;
  readonly #codes = new Map<number, PythonCode>();
  /** Address of _Py_HashSecret; 0: not known. */
  readonly #secret: number;
  /** undefined: not read yet; "other": strings are hashed in another way. */
  #hash: PythonHash | "other" | undefined;
  /** The type of all code objects. */
  #codeType = 0;

  constructor(process: ProcessView, layout: FrameLayout, secret = 0) {
    this.#process = process;
    this.#layout = layout;
    this.#secret = secret;
  }

  /** @returns 0 where nothing is mapped */
  async pointer(address: number): Promise<number> {
    const bytes = await this.#memory(address, 8);
    return bytes.length === 8 ? u64(viewOf(bytes), 0) : 0;
  }

  /** Follows `value = *(value + hop)`; 0 where it breaks off. */
  async follow(address: number, hops: readonly number[]): Promise<number> {
    let value = address;
    for (const hop of hops) {
      if (value === 0) return 0;
      value = await this.pointer(value + hop);
    }
    return value;
  }

  /** `_asyncio.Future`, of an object. */
  async typeName(object: number): Promise<string> {
    return this.nameOfType(await this.pointer(object + PyOffset.type));
  }

  /** @param type as it was read once: the next object at the same address may be of another one */
  async nameOfType(type: number): Promise<string> {
    const name = await this.follow(type, [PyOffset.typeName]);
    return name === 0 ? "" : cString(await this.#memory(name, MAX_TEXT_BYTES), 0);
  }

  /** In a dictionary whose keys are all strings, as those of modules and classes are; 0: not in it. */
  async valueIn(dictionary: number, key: string): Promise<number> {
    return (await this.valuesIn(dictionary, [key]))[0]!;
  }

  async valuesIn(dictionary: number, wanted: readonly string[]): Promise<readonly number[]> {
    const table = await this.#tableOf(dictionary);
    if (table === undefined) return wanted.map(() => 0);
    const hash = await this.#hashOf(table);
    if (hash !== "other") return Promise.all(wanted.map((key) => this.#valueByHash(table, key, hash.of(key))));
    const { entries } = table;
    const keys = Array.from({ length: Math.floor(entries.byteLength / 16) }, (_, index) => u64(entries, 16 * index));
    const names = await this.#texts(keys);
    return wanted.map((key) => {
      const index = names.indexOf(key);
      return index < 0 ? 0 : u64(entries, 16 * index + 8);
    });
  }

  async #valueByHash({ sizeLog2, places, entries }: Table, key: string, hash: bigint): Promise<number> {
    for (const place of probes(hash, sizeLog2)) {
      const index = entryAt(places, sizeLog2, place);
      if (index === EMPTY_PLACE) return 0;
      if (index < 0 || 16 * index + 16 > entries.byteLength) continue;
      if ((await this.#text(u64(entries, 16 * index))) === key) return u64(entries, 16 * index + 8);
    }
    return 0;
  }

  /** Shown on a key of the table, which knows its own hash. */
  async #hashOf({ entries }: Table): Promise<PythonHash | "other"> {
    if (this.#hash !== undefined) return this.#hash;
    const hash = this.#secret === 0 ? undefined : PythonHash.from(await this.#memory(this.#secret, 16));
    if (hash === undefined) return "other";
    for (let at = 0; at + 16 <= entries.byteLength; at += 16) {
      const key = u64(entries, at);
      if (key === 0) continue;
      const bytes = await this.#memory(key, this.#layout.text + MAX_TEXT_BYTES);
      const text = this.#textIn(bytes);
      if (text === "") continue;
      this.#hash = viewOf(bytes).getBigUint64(TEXT_HASH, true) === hash.of(text) ? hash : "other";
      return this.#hash;
    }
    return "other";
  }

  /** Of a class, its own or its base's: gevent derives one from threading.Thread and puts it in its place. 0: not there. */
  async methodsOf(type: number, names: readonly string[]): Promise<readonly number[]> {
    const own = await this.valuesIn(await this.pointer(type + PyOffset.typeDictionary), names);
    const base = own.includes(0) ? await this.pointer(type + PyOffset.typeBase) : 0;
    if (base === 0) return own;
    const inherited = await this.valuesIn(await this.pointer(base + PyOffset.typeDictionary), names);
    return own.map((method, index) => (method === 0 ? inherited[index]! : method));
  }

  async #tableOf(dictionary: number): Promise<Table | undefined> {
    if (dictionary === 0) return undefined;
    const keys = await this.pointer(dictionary + PyOffset.dictionaryKeys);
    const head = viewOf(await this.#memory(keys, KEYS_INDICES));
    if (head.byteLength < KEYS_INDICES || head.getUint8(KEYS_KIND) !== KEYS_OF_TEXT) return undefined;
    const sizeLog2 = head.getUint8(KEYS_SIZE_LOG2);
    const indexBytesLog2 = head.getUint8(KEYS_INDEX_BYTES_LOG2);
    const count = u64(head, KEYS_COUNT);
    if (indexBytesLog2 > MAX_INDEX_BYTES_LOG2 || sizeLog2 > indexBytesLog2 || count > MAX_KEYS) return undefined;
    const placesBytes = 2 ** indexBytesLog2;
    const bytes = await this.#memory(keys + KEYS_INDICES, placesBytes + 16 * count);
    if (bytes.length < placesBytes) return undefined;
    return { sizeLog2, places: viewOf(bytes.subarray(0, placesBytes)), entries: viewOf(bytes.subarray(placesBytes)) };
  }

  /** What lies on a stack may be of any kind. */
  #memory(address: number, lengthBytes: number): Promise<Uint8Array> {
    const isUserSpace = address > 0 && address < USER_SPACE_END;
    return isUserSpace ? this.#process.memory(address, lengthBytes) : Promise.resolve(new Uint8Array());
  }

  async code(address: number): Promise<PythonCode | undefined> {
    const known = this.#codes.get(address);
    if (known !== undefined) return known;
    const code = await this.#readCode(address);
    if (code !== undefined) this.#codes.set(address, code);
    return code;
  }

  /** What a function runs. */
  async codeOf(callable: number): Promise<PythonCode | undefined> {
    const code = await this.follow(callable, [PyOffset.functionCode]);
    return code === 0 ? undefined : await this.code(code);
  }

  /** Of a function that is made where this code runs. */
  async codeIn(code: PythonCode, qualifiedName: string): Promise<PythonCode | undefined> {
    const constants = await this.pointer(code.address + PyOffset.codeConstants);
    const count = constants === 0 ? 0 : Math.min(await this.pointer(constants + PyOffset.size), MAX_ITEMS);
    for (let index = 0; index < count; index++) {
      const inner = await this.code(await this.pointer(constants + PyOffset.tupleItems + 8 * index));
      if (inner?.qualifiedName === qualifiedName) return inner;
    }
    return undefined;
  }

  async #readCode(address: number): Promise<PythonCode | undefined> {
    const bytes = await this.#memory(address, CODE_BYTES);
    if (bytes.length < CODE_BYTES) return undefined;
    const view = viewOf(bytes);
    const type = u64(view, PyOffset.type);
    if (this.#codeType === 0 && (await this.nameOfType(type)) === "code") this.#codeType = type;
    if (type !== this.#codeType) return undefined;
    const { frameSize, stackSize, localCount } = this.#layout;
    const words =
      frameSize === undefined
        ? view.getInt32(stackSize, true) + view.getInt32(localCount, true) + FRAME_WORDS
        : view.getInt32(frameSize, true);
    if (words < FRAME_WORDS || words > MAX_FRAME_WORDS) return undefined;
    const [qualifiedName, fileName] = await Promise.all([
      this.#text(u64(view, PyOffset.codeQualifiedName)),
      this.#text(u64(view, PyOffset.codeFile)),
    ]);
    return {
      address,
      qualifiedName,
      fileName,
      frameBytes: 8 * words,
      names: () => this.#names(u64(view, PyOffset.codeNames)),
      freeNames: async () => {
        const names = await this.#names(u64(view, PyOffset.codeNames));
        const count = view.getInt32(this.#layout.freeCount, true);
        return count > 0 && count <= names.length ? names.slice(-count) : [];
      },
    };
  }

  async #names(tuple: number): Promise<readonly string[]> {
    const count = Math.min(await this.pointer(tuple + PyOffset.size), MAX_ITEMS);
    const items = await this.#memory(tuple + PyOffset.tupleItems, 8 * Math.max(1, count));
    if (items.length < 8 * count) return [];
    const view = viewOf(items);
    return Promise.all(Array.from({ length: count }, (_, index) => this.#text(u64(view, 8 * index))));
  }

  async #texts(objects: readonly number[]): Promise<readonly string[]> {
    const lengthBytes = this.#layout.text + MAX_TEXT_BYTES;
    const texts = new Map<number, string>();
    const readTogether = async (group: readonly number[]) => {
      const first = group[0]!;
      const bytes = await this.#memory(first, group.at(-1)! - first + lengthBytes);
      for (const at of group) texts.set(at, this.#textIn(bytes.subarray(at - first, at - first + lengthBytes)));
    };
    const groups: number[][] = [];
    for (const at of [...new Set(objects)].filter((object) => object !== 0).sort((left, right) => left - right)) {
      const group = groups.at(-1);
      const fits = group && at - group.at(-1)! <= MAX_GAP_BYTES && at - group[0]! <= MAX_TOGETHER_BYTES;
      if (fits) group.push(at);
      else groups.push([at]);
    }
    await Promise.all(groups.map(readTogether));
    return objects.map((object) => texts.get(object) ?? "");
  }

  async #text(object: number): Promise<string> {
    return object === 0 ? "" : this.#textIn(await this.#memory(object, this.#layout.text + MAX_TEXT_BYTES));
  }

  /** Only compact ASCII, as names and paths of libraries are. */
  #textIn(bytes: Uint8Array): string {
    if (bytes.length < this.#layout.text) return "";
    const length = u64(viewOf(bytes), PyOffset.size);
    if (length > MAX_TEXT_BYTES) return "";
    return Buffer.from(bytes.subarray(this.#layout.text, this.#layout.text + length)).toString("latin1");
  }
}

const EMPTY_PLACE = -1;

/** @returns EMPTY_PLACE, or below it where an entry was deleted */
function entryAt(places: DataView, sizeLog2: number, place: number): number {
  if (sizeLog2 < 8) return places.getInt8(place);
  return sizeLog2 < 16 ? places.getInt16(2 * place, true) : places.getInt32(4 * place, true);
}
