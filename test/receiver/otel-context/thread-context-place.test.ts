import assert from "node:assert/strict";
import { type ContextVariable, placeOf } from "../../../src/receiver/otel-context/thread-context-place.ts";

const LOAD_BIAS = 0x7f00_0000_0000;

/** @param words by address */
async function place(variable: ContextVariable, words: Readonly<Record<number, bigint>> = {}, isMusl = false) {
  const memory = async (address: number, lengthBytes: number) => {
    const bytes = Buffer.alloc(lengthBytes);
    for (let at = 0; at < lengthBytes; at += 8) {
      const word = words[address + at];
      if (word === undefined) return bytes.subarray(0, at);
      bytes.writeBigUInt64LE(BigInt.asUintN(64, word), at);
    }
    return bytes;
  };
  return placeOf({ variable, loadBias: LOAD_BIAS }, memory, isMusl);
}

const SLOT = 0x4000;
const AT = LOAD_BIAS + SLOT;

describe("place of a thread's context", () => {
  it("in the executable's block is known beforehand", async () => {
    assert.deepEqual(await place({ access: "local_exec", offset: -16 }), { offset: -16, module: 0, entrySize: 16 });
  });

  it("is what the loader has written", async () => {
    const words = { [AT]: -72n, [AT + 8]: 0n };
    assert.deepEqual(await place({ access: "initial_exec", slot: SLOT }, words), {
      offset: -72,
      module: 0,
      entrySize: 16,
    });
  });

  it("by a descriptor is a distance, or leads to module and offset", async () => {
    const variable = { access: "descriptor", slot: SLOT, addend: 0 } as const;
    const fixed = { [AT]: 0x1234n, [AT + 8]: -80n };
    assert.deepEqual(await place(variable, fixed), { offset: -80, module: 0, entrySize: 16 });
    const dynamic = { [AT]: 0x1234n, [AT + 8]: 0x55_0000n, 5570560: 3n, 5570568: 32n };
    assert.deepEqual(await place(variable, dynamic), { offset: 32, module: 3, entrySize: 16 });
  });

  it("in a module's block: glibc's vector has pairs, musl's pointers", async () => {
    const words = { [AT]: 2n, [AT + 8]: 8n };
    const variable = { access: "dynamic", slot: SLOT, offset: undefined } as const;
    assert.deepEqual(await place(variable, words), { offset: 8, module: 2, entrySize: 16 });
    assert.deepEqual(await place(variable, words, true), { offset: 8, module: 2, entrySize: 8 });
    assert.deepEqual(await place({ ...variable, offset: 24 }, words), { offset: 24, module: 2, entrySize: 16 });
  });

  it("is not known where nothing has been written yet, or nothing that makes sense", async () => {
    assert.equal(await place({ access: "initial_exec", slot: SLOT }), undefined);
    assert.equal(await place({ access: "initial_exec", slot: SLOT }, { [AT]: 0n, [AT + 8]: 0n }), undefined);
    const slot = { access: "dynamic", slot: SLOT, offset: undefined } as const;
    assert.equal(await place(slot, { [AT]: 0n, [AT + 8]: 0n }), undefined);
    assert.equal(await place(slot, { [AT]: 1n << 40n, [AT + 8]: 0n }), undefined);
    const descriptor = { access: "descriptor", slot: SLOT, addend: 0 } as const;
    assert.equal(await place(descriptor, { [AT]: 1n, [AT + 8]: 0x9999n }), undefined);
  });
});
