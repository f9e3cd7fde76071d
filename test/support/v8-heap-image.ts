/** A heap of V8's by hand, for who reads its functions' names. */
import type { V8Constants } from "../../src/receiver/interpreters/v8-constants.ts";
import { V8Heap } from "../../src/receiver/interpreters/v8-heap.ts";
import { memoryOf } from "./memory-image.ts";

export const BASE = 0x2000_0000_0000;
export const StringType = { oneByte: 8, twoByte: 0, cons: 9, thin: 13, external: 10 } as const;

/** Of Node 20. */
export const V8_CONSTANTS: V8Constants = {
  contextBelow: 8,
  functionBelow: 16,
  functionShared: 24,
  mapInstanceType: 12,
  sharedName: 16,
  sharedScript: 32,
  scriptName: 16,
  stringLength: 12,
  oneByteChars: 16,
  twoByteChars: 16,
  consFirst: 16,
  thinActual: 16,
  scopeFirstVariable: 3,
  scopeLocalCount: 2,
  sharedType: 262,
  scriptType: 167,
  scopeType: 261,
  firstNonString: 128,
  representationMask: 7,
  sequential: 0,
  cons: 1,
  thin: 5,
  encodingMask: 8,
  oneByte: 8,
};
/** Objects of 512 bytes; pointers are tagged. */
export class V8HeapImage {
  readonly #memory = Buffer.alloc(16 << 10);
  #next = 0;
  readonly #maps = new Map<number, number>();

  object(type: number, words: Readonly<Record<number, number>> = {}): number {
    const pointer = this.#add();
    const at = pointer - 1 - BASE;
    let map = this.#maps.get(type);
    if (map === undefined) {
      map = this.#add();
      this.#memory.writeUInt16LE(type, map - 1 - BASE + V8_CONSTANTS.mapInstanceType);
      this.#maps.set(type, map);
    }
    this.#memory.writeBigUInt64LE(BigInt(map), at);
    for (const [offset, word] of Object.entries(words))
      this.#memory.writeBigUInt64LE(BigInt(word), at + Number(offset));
    return pointer;
  }

  text(value: string, type: number = StringType.oneByte): number {
    const pointer = this.object(type);
    const at = pointer - 1 - BASE;
    this.#memory.writeInt32LE(value.length, at + V8_CONSTANTS.stringLength);
    this.#memory.write(value, at + 16, type === StringType.twoByte ? "utf16le" : "latin1");
    return pointer;
  }

  shared(name: number, script: number): number {
    return this.object(V8_CONSTANTS.sharedType, {
      [V8_CONSTANTS.sharedName]: name,
      [V8_CONSTANTS.sharedScript]: script,
    });
  }

  script(name: number): number {
    return this.object(V8_CONSTANTS.scriptType, { [V8_CONSTANTS.scriptName]: name });
  }

  /** Words behind the map: flags, parameters, locals, then what is given. */
  scope(locals: number, words: readonly number[]): number {
    const all = [0, 0, locals * 2 ** 32, ...words];
    return this.object(V8_CONSTANTS.scopeType, Object.fromEntries(all.map((word, index) => [8 + 8 * index, word])));
  }

  /** What lies at BASE. */
  get bytes(): Uint8Array {
    return this.#memory;
  }

  #add(): number {
    const pointer = BASE + this.#next + 1;
    this.#next += 512;
    return pointer;
  }
}

/** @param bytes of the heap, from BASE on */
export function functionOf(bytes: Uint8Array, pointer: number) {
  return new V8Heap(memoryOf(bytes, BASE), V8_CONSTANTS).functionOf(pointer);
}
