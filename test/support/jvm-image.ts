/** Memory of a HotSpot by hand, for who reads the names of its frames. Layout of JDK 25 on x86-64. */
import type { JvmLayout } from "../../src/receiver/interpreters/jvm-layout.ts";
import { JvmMethods } from "../../src/receiver/interpreters/jvm-methods.ts";
import { memoryOf } from "./memory-image.ts";

const BASE = 0x7f00_0000_0000;
const OBJECT_BYTES = 512;

export const JVM_LAYOUT: JvmLayout = {
  blobName: 8,
  compiledMethod: 80,
  methodConst: 8,
  constPool: 8,
  constNameIndex: 36,
  poolLength: 60,
  poolHolder: 24,
  poolSourceFileIndex: 54,
  poolEntries: 72,
  klassName: 24,
  symbolLength: 4,
  symbolBody: 6,
};

export class JvmImage {
  readonly bytes = Buffer.alloc(16 << 10);
  #next = 0;

  symbol(text: string): number {
    const at = this.#add();
    this.bytes.writeUInt16LE(Buffer.byteLength(text), at + JVM_LAYOUT.symbolLength);
    this.bytes.write(text, at + JVM_LAYOUT.symbolBody);
    return BASE + at;
  }

  /** A Method. @param entries of its class's pool, the first of which is none */
  method(className: string, entries: readonly number[], nameIndex: number, fileIndex = 0): number {
    const klass = this.#add();
    this.#pointer(klass + JVM_LAYOUT.klassName, this.symbol(className));
    const pool = this.#add();
    this.bytes.writeInt32LE(entries.length, pool + JVM_LAYOUT.poolLength);
    this.bytes.writeUInt16LE(fileIndex, pool + JVM_LAYOUT.poolSourceFileIndex!);
    this.#pointer(pool + JVM_LAYOUT.poolHolder, BASE + klass);
    entries.forEach((entry, index) => {
      this.#pointer(pool + JVM_LAYOUT.poolEntries + 8 * index, entry);
    });
    const constMethod = this.#add();
    this.#pointer(constMethod + JVM_LAYOUT.constPool, BASE + pool);
    this.bytes.writeUInt16LE(nameIndex, constMethod + JVM_LAYOUT.constNameIndex);
    const method = this.#add();
    this.#pointer(method + JVM_LAYOUT.methodConst, BASE + constMethod);
    return BASE + method;
  }

  /** The word of a CodeBlob's frames. */
  blob(name: string, method = 0): number {
    const text = this.#add();
    this.bytes.write(`${name}\0`, text, "latin1");
    const blob = this.#add();
    this.#pointer(blob + JVM_LAYOUT.blobName, BASE + text);
    this.#pointer(blob + JVM_LAYOUT.compiledMethod, method);
    return BASE + blob + 1;
  }

  #add(): number {
    this.#next += OBJECT_BYTES;
    return this.#next - OBJECT_BYTES;
  }

  #pointer(at: number, value: number): void {
    this.bytes.writeBigUInt64LE(BigInt(value), at);
  }
}

export function jvmLineOf(bytes: Uint8Array, word: number) {
  return new JvmMethods(memoryOf(bytes, BASE), JVM_LAYOUT).lineOf(word);
}
