import assert from "node:assert/strict";
import { closeSync, openSync, readSync } from "node:fs";
import { readElf } from "../../../src/receiver/elf/elf-file.ts";
import { readV8Constants, type V8Constants } from "../../../src/receiver/interpreters/v8-constants.ts";
import { V8Heap } from "../../../src/receiver/interpreters/v8-heap.ts";
import type { ProcessView } from "../../../src/receiver/runtimes/process-view.ts";
import { skip } from "../../support/skip.ts";

/** Of Node 20. */
const CONSTANTS: V8Constants = {
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
const { sharedType, scriptType, scopeType } = CONSTANTS;
const [ONE_BYTE, TWO_BYTE, CONS, THIN, EXTERNAL, FIXED_ARRAY] = [8, 0, 9, 13, 10, 180];

/** Objects of 512 bytes; pointers are tagged. */
class Heap {
  readonly #memory = Buffer.alloc(64 << 10);
  #next = 0;
  readonly #maps = new Map<number, number>();

  object(type: number, words: Readonly<Record<number, number>> = {}): number {
    const pointer = this.#add();
    const at = pointer - 1 - BASE;
    let map = this.#maps.get(type);
    if (map === undefined) {
      map = this.#add();
      this.#memory.writeUInt16LE(type, map - 1 - BASE + CONSTANTS.mapInstanceType);
      this.#maps.set(type, map);
    }
    this.#memory.writeBigUInt64LE(BigInt(map), at);
    for (const [offset, word] of Object.entries(words))
      this.#memory.writeBigUInt64LE(BigInt(word), at + Number(offset));
    return pointer;
  }

  text(value: string, type: number = ONE_BYTE): number {
    const pointer = this.object(type);
    const at = pointer - 1 - BASE;
    this.#memory.writeInt32LE(value.length, at + CONSTANTS.stringLength);
    this.#memory.write(value, at + 16, type === TWO_BYTE ? "utf16le" : "latin1");
    return pointer;
  }

  shared(name: number, script: number): number {
    return this.object(sharedType, { [CONSTANTS.sharedName]: name, [CONSTANTS.sharedScript]: script });
  }

  script(name: number): number {
    return this.object(scriptType, { [CONSTANTS.scriptName]: name });
  }

  /** Words behind the map: flags, parameters, locals, then what is given. */
  scope(locals: number, words: readonly number[]): number {
    const all = [0, 0, locals * 2 ** 32, ...words];
    return this.object(scopeType, Object.fromEntries(all.map((word, index) => [8 + 8 * index, word])));
  }

  functionOf(pointer: number) {
    const view = {
      memory: async (address: number, lengthBytes: number) =>
        address < BASE ? Buffer.alloc(0) : this.#memory.subarray(address - BASE, address - BASE + lengthBytes),
    };
    return new V8Heap(view as unknown as ProcessView, CONSTANTS).functionOf(pointer);
  }

  #add(): number {
    const pointer = BASE + this.#next + 1;
    this.#next += 512;
    return pointer;
  }
}

const BASE = 0x2000_0000_0000;

describe("names of JavaScript functions", () => {
  it("are strings before a function is compiled", async () => {
    const heap = new Heap();
    const shared = heap.shared(heap.text("handle"), heap.script(heap.text("/app/ö.js", TWO_BYTE)));
    assert.deepEqual(await heap.functionOf(shared), { name: "handle", fileName: "/app/ö.js" });
  });

  it("lie behind the locals of the function's scope afterwards", async () => {
    const heap = new Heap();
    const [a, b] = [heap.text("first"), heap.text("second")];
    const scope = heap.scope(2, [a, b, 0, 0, heap.text("handle"), 2 ** 32]);
    assert.deepEqual(await heap.functionOf(heap.shared(scope, 0)), { name: "handle", fileName: undefined });
  });

  it("are what was inferred where there is none", async () => {
    const heap = new Heap();
    const scope = heap.scope(0, [heap.text(""), heap.text("Cart.total")]);
    assert.equal((await heap.functionOf(heap.shared(scope, 0)))?.name, "Cart.total");
    assert.equal((await heap.functionOf(heap.shared(heap.scope(0, [0, 2 ** 32]), 0)))?.name, "");
  });

  it("may be put together, or be elsewhere", async () => {
    const heap = new Heap();
    const flat = heap.object(CONS, { [CONSTANTS.consFirst]: heap.text("joined") });
    assert.equal((await heap.functionOf(heap.shared(flat, 0)))?.name, "joined");
    const thin = heap.object(THIN, { [CONSTANTS.thinActual]: heap.text("interned") });
    assert.equal((await heap.functionOf(heap.shared(thin, 0)))?.name, "interned");
    assert.equal((await heap.functionOf(heap.shared(heap.object(EXTERNAL), 0)))?.name, "");
  });

  it("say nothing where something else lies by now", async () => {
    const heap = new Heap();
    assert.equal(await heap.functionOf(heap.object(FIXED_ARRAY)), undefined);
    assert.equal(await heap.functionOf(0x1001), undefined);
    const circle = heap.object(CONS);
    assert.equal((await heap.functionOf(heap.shared(circle, circle)))?.name, "");
    assert.equal((await heap.functionOf(heap.shared(heap.object(FIXED_ARRAY), heap.object(FIXED_ARRAY))))?.name, "");
  });
});

describe("V8's constants", () => {
  it("are read from Node's executable", async function () {
    const fd = openSync(process.execPath, "r");
    try {
      const elf = await readElf({
        read: async (offset, lengthBytes) => {
          const bytes = Buffer.alloc(lengthBytes);
          return bytes.subarray(0, readSync(fd, bytes, 0, lengthBytes, offset));
        },
      });
      const constants = await readV8Constants(elf!);
      if (constants === undefined) skip(this, `${process.execPath} says nothing of V8`);
      if (process.version.startsWith("v20.")) assert.deepEqual(constants, CONSTANTS);
      assert.ok(constants.functionBelow > 0 && constants.functionShared > 0);
    } finally {
      closeSync(fd);
    }
  });
});
