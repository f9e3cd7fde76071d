import assert from "node:assert/strict";
import { JvmImage, jvmLineOf } from "../../support/jvm-image.ts";

describe("names of Java's frames", () => {
  const line = (functionName: string, fileName: string | undefined = undefined) => ({
    functionName,
    fileName,
    lineNumber: 0,
  });

  it("are class and method, with the source's file", async () => {
    const jvm = new JvmImage();
    const entries = [0, jvm.symbol("total"), jvm.symbol("Cart.java")];
    const method = jvm.method("shop/Cart", entries, 1, 2);
    assert.deepEqual(await jvmLineOf(jvm.bytes, method), line("shop.Cart.total", "Cart.java"));
  });

  it("are the compiled method's where a frame is in compiled code", async () => {
    const jvm = new JvmImage();
    const method = jvm.method("shop/Cart", [0, jvm.symbol("größe")], 1);
    for (const name of ["nmethod", "native nmethod"])
      assert.deepEqual(await jvmLineOf(jvm.bytes, jvm.blob(name, method)), line("shop.Cart.größe"));
  });

  it("are those of HotSpot's own code where it is no method's", async () => {
    const jvm = new JvmImage();
    assert.deepEqual(await jvmLineOf(jvm.bytes, jvm.blob("StubRoutines (1)")), line("StubRoutines (1)"));
  });

  it("say nothing where something else lies by now", async () => {
    const jvm = new JvmImage();
    const name = jvm.symbol("total");
    assert.equal(await jvmLineOf(jvm.bytes, jvm.method("a/B", [0, name], 2)), undefined, "beyond the pool");
    assert.equal(await jvmLineOf(jvm.bytes, jvm.method("a/B", [0, name], 0)), undefined, "the entry that is none");
    assert.equal(await jvmLineOf(jvm.bytes, jvm.method("a/B", [0, 7], 1)), undefined, "no pointer");
    assert.equal(await jvmLineOf(jvm.bytes, jvm.method("", [0, name], 1)), undefined, "an empty symbol");
    assert.equal(await jvmLineOf(jvm.bytes, jvm.blob("nmethod", 0)), undefined, "unloaded");
    assert.equal(await jvmLineOf(jvm.bytes, jvm.blob("\u0001\u0002")), undefined, "no name");
    for (const word of [0, 2, 4, 7, 0x1000, 2 ** 47, Number.MAX_SAFE_INTEGER, name, name + 3])
      assert.equal(await jvmLineOf(jvm.bytes, word), undefined, `${word}`);
  });
});
