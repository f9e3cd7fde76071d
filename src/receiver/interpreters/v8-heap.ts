/** Names of JavaScript functions out of V8's heap. Its objects move, and the process is a stranger: what is not of the type that it should be says nothing. */
import { u64, viewOf } from "../elf/elf-file.ts";
import type { ProcessView } from "../runtimes/process-view.ts";
import type { V8Constants } from "./v8-constants.ts";

const HEAP_TAG = 1;
const TAG_MASK = 3;
const WORD = 8;
const SMI_SHIFT = 32;
const SHARED_BYTES = 96;
const MAX_TEXT_CHARACTERS = 512;
const MAX_LOCALS = 75;
/** Behind the locals: variables of class and function, then the name, then what it was inferred to be. */
const NAME_WORDS = 10;
const MAX_HOPS = 4;

export interface V8Function {
  /** "" where it has none. */
  readonly name: string;
  readonly fileName: string | undefined;
}

export class V8Heap {
  readonly #view: Pick<ProcessView, "memory">;
  readonly #constants: V8Constants;
  /** Maps, which say types, are never moved nor freed while objects have them. */
  readonly #types = new Map<number, number>();

  constructor(view: Pick<ProcessView, "memory">, constants: V8Constants) {
    this.#view = view;
    this.#constants = constants;
  }

  /** @param shared tagged pointer to a SharedFunctionInfo; undefined: it is none (any more) */
  async functionOf(shared: number): Promise<V8Function | undefined> {
    const { sharedType, sharedName, sharedScript } = this.#constants;
    const object = await this.#read(shared, SHARED_BYTES);
    if (object === undefined || (await this.#typeOf(object)) !== sharedType) return undefined;
    const [name, fileName] = await Promise.all([
      this.#nameOf(wordAt(object, sharedName)),
      this.#fileOf(wordAt(object, sharedScript)),
    ]);
    return { name, fileName };
  }

  /** A string, or in functions that have been compiled a ScopeInfo with it. */
  async #nameOf(pointer: number): Promise<string> {
    if (!isHeap(pointer)) return "";
    const { scopeType, scopeFirstVariable, scopeLocalCount } = this.#constants;
    const words = 1 + scopeFirstVariable + 2 * MAX_LOCALS + NAME_WORDS;
    const object = await this.#read(pointer, words * WORD);
    if (object === undefined) return "";
    if ((await this.#typeOf(object)) !== scopeType) return (await this.#text(pointer)) ?? "";
    const word = (index: number) => wordAt(object, (index + 1) * WORD);
    const locals = Math.floor(word(scopeLocalCount) / 2 ** SMI_SHIFT);
    // More are in a table of their own, in one word.
    const after = scopeFirstVariable + (locals > MAX_LOCALS ? 1 + locals : 2 * locals);
    for (let index = after; index < after + NAME_WORDS; index++) {
      const value = word(index);
      if (!isHeap(value)) continue;
      const text = await this.#text(value);
      if (text === undefined) return "";
      if (text !== "") return text;
    }
    return "";
  }

  async #fileOf(pointer: number): Promise<string | undefined> {
    const { scriptType, scriptName } = this.#constants;
    const object = isHeap(pointer) ? await this.#read(pointer, scriptName + WORD) : undefined;
    if (object === undefined || (await this.#typeOf(object)) !== scriptType) return undefined;
    const text = await this.#text(wordAt(object, scriptName));
    return text === undefined || text === "" ? undefined : text;
  }

  /** undefined: no string, or one that lies elsewhere. */
  async #text(pointer: number): Promise<string | undefined> {
    const c = this.#constants;
    for (let hop = 0, at = pointer; hop < MAX_HOPS && isHeap(at); hop++) {
      const object = await this.#read(at, c.twoByteChars + MAX_TEXT_CHARACTERS * 2);
      const type = object === undefined ? undefined : await this.#typeOf(object);
      if (object === undefined || type === undefined || type >= c.firstNonString) return undefined;
      const representation = type & c.representationMask;
      if (representation === c.sequential) {
        const length = Math.min(i32At(object, c.stringLength), MAX_TEXT_CHARACTERS);
        if (length < 0) return undefined;
        const isOneByte = (type & c.encodingMask) === c.oneByte;
        const start = isOneByte ? c.oneByteChars : c.twoByteChars;
        const bytes = Buffer.from(object.subarray(start, start + (isOneByte ? length : 2 * length)));
        return isOneByte ? bytes.toString("latin1") : bytes.toString("utf16le");
      }
      // A flat one's second half is empty.
      if (representation === c.cons) at = wordAt(object, c.consFirst);
      else if (representation === c.thin) at = wordAt(object, c.thinActual);
      else return undefined;
    }
    return undefined;
  }

  async #typeOf(object: Uint8Array): Promise<number | undefined> {
    const map = wordAt(object, 0);
    const known = this.#types.get(map);
    if (known !== undefined) return known;
    const { mapInstanceType } = this.#constants;
    const bytes = isHeap(map) ? await this.#read(map, mapInstanceType + 2) : undefined;
    const type = bytes === undefined ? undefined : u16At(bytes, mapInstanceType);
    if (type === undefined) return undefined;
    if (this.#types.size > 4096) this.#types.clear();
    this.#types.set(map, type);
    return type;
  }

  /** Fewer bytes at the end of a page that nothing follows. */
  async #read(pointer: number, lengthBytes: number): Promise<Uint8Array | undefined> {
    const bytes = await this.#view.memory(pointer - HEAP_TAG, lengthBytes);
    return bytes.length < Math.min(lengthBytes, 4 * WORD) ? undefined : bytes;
  }
}

function isHeap(pointer: number): boolean {
  return pointer > 4096 && Number.isSafeInteger(pointer) && (pointer & TAG_MASK) === HEAP_TAG;
}

/** Offsets are what a stranger's executable says: nothing lies beyond what was read. */
function wordAt(bytes: Uint8Array, at: number): number {
  return isWithin(bytes, at, WORD) ? u64(viewOf(bytes), at) : 0;
}

/** -1 where nothing is. */
function i32At(bytes: Uint8Array, at: number): number {
  return isWithin(bytes, at, 4) ? viewOf(bytes).getInt32(at, true) : -1;
}

function u16At(bytes: Uint8Array, at: number): number | undefined {
  return isWithin(bytes, at, 2) ? viewOf(bytes).getUint16(at, true) : undefined;
}

function isWithin(bytes: Uint8Array, at: number, lengthBytes: number): boolean {
  return at >= 0 && at + lengthBytes <= bytes.length;
}
