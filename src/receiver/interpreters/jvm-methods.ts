/** Names of Java methods, and of HotSpot's own code, out of its memory. The process is a stranger: what can't be says nothing. */
import type { FrameLine } from "../../mapping/profile.ts";
import { cString, u64, viewOf } from "../elf/elf-file.ts";
import type { ProcessView } from "../runtimes/process-view.ts";
import type { JvmLayout } from "./jvm-layout.ts";

const WORD = 8;
/** JAVA_CODE_BLOB of bpf/profile_event.h: the word is of a CodeBlob, not of a Method. */
const CODE_BLOB = 1;
const TAG_MASK = 7;
const MAX_NAME_BYTES = 512;
const MAX_BLOB_NAME_BYTES = 96;
const MAX_BLOB_NAMES = 1024;
/** Names of CodeBlobs that are compiled methods (code/nmethod.cpp). */
const COMPILED: ReadonlySet<string> = new Set(["nmethod", "native nmethod"]);
const PLAIN_TEXT = /^[\x20-\x7e]+$/;

export class JvmMethods {
  readonly #view: Pick<ProcessView, "memory">;
  readonly #layout: JvmLayout;
  /** Constants of the library, by address. */
  readonly #blobNames = new Map<number, string>();

  constructor(view: Pick<ProcessView, "memory">, layout: JvmLayout) {
    this.#view = view;
    this.#layout = layout;
  }

  /** @param word of the sample, behind the address of the frame; undefined: nothing is there (any more) */
  async lineOf(word: number): Promise<FrameLine | undefined> {
    const tag = word % (TAG_MASK + 1);
    if (tag === 0) return this.#method(word);
    return tag === CODE_BLOB ? this.#blob(word - tag) : undefined;
  }

  async #blob(blob: number): Promise<FrameLine | undefined> {
    const { blobName, compiledMethod } = this.#layout;
    const bytes = await this.#read(blob, Math.max(blobName, compiledMethod) + WORD);
    if (bytes === undefined) return undefined;
    const name = await this.#blobName(u64(bytes, blobName));
    if (name === undefined) return undefined;
    if (COMPILED.has(name)) return this.#method(u64(bytes, compiledMethod));
    return { functionName: name, fileName: undefined, lineNumber: 0 };
  }

  async #method(method: number): Promise<FrameLine | undefined> {
    const { methodConst, constPool, constNameIndex } = this.#layout;
    const constMethod = await this.#pointer(method + methodConst);
    const constants =
      constMethod === undefined ? undefined : await this.#read(constMethod, Math.max(constPool, constNameIndex) + WORD);
    if (constants === undefined) return undefined;
    return this.#inPool(u64(constants, constPool), constants.getUint16(constNameIndex, true));
  }

  async #inPool(pool: number, nameIndex: number): Promise<FrameLine | undefined> {
    const { poolLength, poolHolder, poolSourceFileIndex, poolEntries, klassName } = this.#layout;
    const header = await this.#read(pool, poolEntries);
    if (header === undefined || Math.max(poolLength, poolHolder) + WORD > poolEntries) return undefined;
    if (nameIndex === 0 || nameIndex >= header.getInt32(poolLength, true)) return undefined;
    const entry = (index: number) => this.#pointer(pool + poolEntries + WORD * index);
    const holder = u64(header, poolHolder);
    const [name, className] = await Promise.all(
      [entry(nameIndex), this.#pointer(holder + klassName)].map((symbol) => this.#symbol(symbol)),
    );
    if (name === undefined || className === undefined) return undefined;
    const fileIndex =
      poolSourceFileIndex === undefined || poolSourceFileIndex + 2 > poolEntries
        ? 0
        : header.getUint16(poolSourceFileIndex, true);
    const fileName = fileIndex === 0 ? undefined : await this.#symbol(entry(fileIndex));
    return { functionName: `${className.replaceAll("/", ".")}.${name}`, fileName, lineNumber: 0 };
  }

  async #symbol(pointer: Promise<number | undefined>): Promise<string | undefined> {
    const symbol = await pointer;
    if (symbol === undefined) return undefined;
    const { symbolLength, symbolBody } = this.#layout;
    const header = await this.#read(symbol, Math.max(symbolLength + 2, symbolBody));
    const lengthBytes = Math.min(header?.getUint16(symbolLength, true) ?? 0, MAX_NAME_BYTES);
    if (lengthBytes === 0) return undefined;
    const body = await this.#view.memory(symbol + symbolBody, lengthBytes);
    // Modified UTF-8, which differs where nobody looks.
    const text = Buffer.from(body).toString("utf8");
    return body.length < lengthBytes || text.includes("\0") ? undefined : text;
  }

  async #blobName(address: number): Promise<string | undefined> {
    const known = this.#blobNames.get(address);
    if (known !== undefined || !isAddress(address)) return known;
    const text = cString(await this.#view.memory(address, MAX_BLOB_NAME_BYTES), 0);
    if (!PLAIN_TEXT.test(text)) return undefined;
    if (this.#blobNames.size >= MAX_BLOB_NAMES) this.#blobNames.clear();
    this.#blobNames.set(address, text);
    return text;
  }

  async #pointer(address: number): Promise<number | undefined> {
    const bytes = await this.#read(address, WORD);
    const pointer = bytes === undefined ? 0 : u64(bytes, 0);
    return isAddress(pointer) ? pointer : undefined;
  }

  async #read(address: number, lengthBytes: number): Promise<DataView | undefined> {
    if (!isAddress(address)) return undefined;
    const bytes = await this.#view.memory(address, lengthBytes);
    return bytes.length < lengthBytes ? undefined : viewOf(bytes);
  }
}

function isAddress(value: number): boolean {
  return value > 4096 && value < 2 ** 47;
}
