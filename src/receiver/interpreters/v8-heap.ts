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
  readonly #view: ProcessView;
  readonly #constants: V8Constants;
  /** Maps, which say types, are never moved nor freed while objects have them. */
  readonly #types = new Map<number, number>();

  constructor(view: ProcessView, constants: V8Constants) {
    this.#view = view;
    this.#constants = constants;
  }

  /** @param shared tagged pointer to a SharedFunctionInfo; undefined: it is none (any more) */
  async functionOf(shared: number): Promise<V8Function | undefined> {
    const { sharedType, sharedName, sharedScript } = this.#constants;
    const object = await this.#read(shared, SHARED_BYTES);
    if (object === undefined || (await this.#typeOf(object)) !== sharedType) return undefined;
    const view = viewOf(object);
    const [name, fileName] = await Promise.all([
      this.#nameOf(u64(view, sharedName)),
      this.#fileOf(u64(view, sharedScript)),
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
    const view = viewOf(object);
    const word = (index: number) => ((index + 2) * WORD <= object.length ? u64(view, (index + 1) * WORD) : 0);
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
    const text = await this.#text(u64(viewOf(object), scriptName));
    return text === undefined || text === "" ? undefined : text;
  }

  /** undefined: no string, or one that lies elsewhere. */
  async #text(pointer: number): Promise<string | undefined> {
    const c = this.#constants;
    for (let hop = 0, at = pointer; hop < MAX_HOPS && isHeap(at); hop++) {
      const object = await this.#read(at, c.twoByteChars + MAX_TEXT_CHARACTERS * 2);
      const type = object === undefined ? undefined : await this.#typeOf(object);
      if (object === undefined || type === undefined || type >= c.firstNonString) return undefined;
      const view = viewOf(object);
      const representation = type & c.representationMask;
      if (representation === c.sequential) {
        const length = Math.min(view.getInt32(c.stringLength, true), MAX_TEXT_CHARACTERS);
        if (length < 0) return undefined;
        const isOneByte = (type & c.encodingMask) === c.oneByte;
        const start = isOneByte ? c.oneByteChars : c.twoByteChars;
        const bytes = Buffer.from(object.subarray(start, start + (isOneByte ? length : 2 * length)));
        return isOneByte ? bytes.toString("latin1") : bytes.toString("utf16le");
      }
      // A flat one's second half is empty.
      if (representation === c.cons) at = u64(view, c.consFirst);
      else if (representation === c.thin) at = u64(view, c.thinActual);
      else return undefined;
    }
    return undefined;
  }

  async #typeOf(object: Uint8Array): Promise<number | undefined> {
    const map = u64(viewOf(object), 0);
    const known = this.#types.get(map);
    if (known !== undefined) return known;
    const { mapInstanceType } = this.#constants;
    const bytes = isHeap(map) ? await this.#read(map, mapInstanceType + 2) : undefined;
    if (bytes === undefined) return undefined;
    const type = viewOf(bytes).getUint16(mapInstanceType, true);
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
