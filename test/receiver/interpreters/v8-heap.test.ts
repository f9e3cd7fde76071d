import assert from "node:assert/strict";
import { closeSync, openSync, readSync } from "node:fs";
import { readElf } from "../../../src/receiver/elf/elf-file.ts";
import { readV8Constants } from "../../../src/receiver/interpreters/v8-constants.ts";
import { skip } from "../../support/skip.ts";
import { functionOf, StringType, V8_CONSTANTS, V8HeapImage } from "../../support/v8-heap-image.ts";

const FIXED_ARRAY = 180;

describe("names of JavaScript functions", () => {
  it("are strings before a function is compiled", async () => {
    const heap = new V8HeapImage();
    const shared = heap.shared(heap.text("handle"), heap.script(heap.text("/app/ö.js", StringType.twoByte)));
    assert.deepEqual(await functionOf(heap.bytes, shared), { name: "handle", fileName: "/app/ö.js" });
  });

  it("lie behind the locals of the function's scope afterwards", async () => {
    const heap = new V8HeapImage();
    const [a, b] = [heap.text("first"), heap.text("second")];
    const scope = heap.scope(2, [a, b, 0, 0, heap.text("handle"), 2 ** 32]);
    assert.deepEqual(await functionOf(heap.bytes, heap.shared(scope, 0)), { name: "handle", fileName: undefined });
  });

  it("are what was inferred where there is none", async () => {
    const heap = new V8HeapImage();
    const scope = heap.scope(0, [heap.text(""), heap.text("Cart.total")]);
    assert.equal((await functionOf(heap.bytes, heap.shared(scope, 0)))?.name, "Cart.total");
    assert.equal((await functionOf(heap.bytes, heap.shared(heap.scope(0, [0, 2 ** 32]), 0)))?.name, "");
  });

  it("may be put together, or be elsewhere", async () => {
    const heap = new V8HeapImage();
    const flat = heap.object(StringType.cons, { [V8_CONSTANTS.consFirst]: heap.text("joined") });
    assert.equal((await functionOf(heap.bytes, heap.shared(flat, 0)))?.name, "joined");
    const thin = heap.object(StringType.thin, { [V8_CONSTANTS.thinActual]: heap.text("interned") });
    assert.equal((await functionOf(heap.bytes, heap.shared(thin, 0)))?.name, "interned");
    assert.equal((await functionOf(heap.bytes, heap.shared(heap.object(StringType.external), 0)))?.name, "");
  });

  it("say nothing where something else lies by now", async () => {
    const heap = new V8HeapImage();
    assert.equal(await functionOf(heap.bytes, heap.object(FIXED_ARRAY)), undefined);
    assert.equal(await functionOf(heap.bytes, 0x1001), undefined);
    const circle = heap.object(StringType.cons);
    assert.equal((await functionOf(heap.bytes, heap.shared(circle, circle)))?.name, "");
    assert.equal(
      (await functionOf(heap.bytes, heap.shared(heap.object(FIXED_ARRAY), heap.object(FIXED_ARRAY))))?.name,
      "",
    );
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
      if (process.version.startsWith("v20.")) assert.deepEqual(constants, V8_CONSTANTS);
      assert.ok(constants.functionBelow > 0 && constants.functionShared > 0);
    } finally {
      closeSync(fd);
    }
  });
});
