/** CPython's objects in another process: code, names, types. Everything read may be gone or something else: undefined then. */
import { cString, u64, viewOf } from "../elf/elf-file.ts";
import { FRAME_WORDS, type FrameLayout } from "./cpython-layout.ts";
import type { ProcessView } from "./process-view.ts";

/** Of fields that are at the same place in 3.11 to 3.13 (x86-64). */
export const PyOffset = {
  type: 8,
  size: 16,
  tupleItems: 24,
  listItems: 24,
  typeName: 24,
  codeNames: 96,
  codeFile: 112,
  codeQualifiedName: 128,
  functionCode: 48,
  functionClosure: 72,
  cellContent: 16,
  futureContext: 32,
} as const;

const CODE_BYTES = 136;
const MAX_TEXT_BYTES = 400;
const MAX_ITEMS = 64;
const MAX_FRAME_WORDS = 4096;

export interface PythonCode {
  readonly address: number;
  readonly qualifiedName: string;
  readonly fileName: string;
  /** On the data stack. */
  readonly frameBytes: number;
  /** Names of parameters and locals, then cells, then free variables. */
  names(): Promise<readonly string[]>;
}

export class PythonObjects {
  readonly #process: ProcessView;
  readonly #layout: FrameLayout;
  readonly #codes = new Map<number, PythonCode>();
  /** The type of all code objects. */
  #codeType = 0;

  constructor(process: ProcessView, layout: FrameLayout) {
    this.#process = process;
    this.#layout = layout;
  }

  /** @returns 0 where nothing is mapped */
  async pointer(address: number): Promise<number> {
    if (!(address > 0)) return 0;
    const bytes = await this.#process.memory(address, 8);
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
    const name = await this.follow(object, [PyOffset.type, PyOffset.typeName]);
    return name === 0 ? "" : cString(await this.#process.memory(name, MAX_TEXT_BYTES), 0);
  }

  async code(address: number): Promise<PythonCode | undefined> {
    const known = this.#codes.get(address);
    if (known !== undefined) return known;
    const code = await this.#readCode(address);
    if (code !== undefined) this.#codes.set(address, code);
    return code;
  }

  async #readCode(address: number): Promise<PythonCode | undefined> {
    if (!(address > 0)) return undefined;
    const bytes = await this.#process.memory(address, CODE_BYTES);
    if (bytes.length < CODE_BYTES) return undefined;
    const view = viewOf(bytes);
    const type = u64(view, PyOffset.type);
    if (this.#codeType === 0 && (await this.typeName(address)) === "code") this.#codeType = type;
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
    };
  }

  async #names(tuple: number): Promise<readonly string[]> {
    const count = Math.min(await this.pointer(tuple + PyOffset.size), MAX_ITEMS);
    const items = await this.#process.memory(tuple + PyOffset.tupleItems, 8 * Math.max(1, count));
    if (items.length < 8 * count) return [];
    const view = viewOf(items);
    return Promise.all(Array.from({ length: count }, (_, index) => this.#text(u64(view, 8 * index))));
  }

  /** Only compact ASCII, as names and paths of libraries are. */
  async #text(object: number): Promise<string> {
    if (object === 0) return "";
    const bytes = await this.#process.memory(object, this.#layout.text + MAX_TEXT_BYTES);
    if (bytes.length < this.#layout.text) return "";
    const length = u64(viewOf(bytes), PyOffset.size);
    if (length > MAX_TEXT_BYTES) return "";
    return Buffer.from(bytes.subarray(this.#layout.text, this.#layout.text + length)).toString("latin1");
  }
}
