import assert from "node:assert/strict";
import type { Frame } from "../../../src/mapping/profile.ts";
import { addScriptFrames } from "../../../src/mapping/profiles/script-frames.ts";
import { makeFrame } from "../../support/profiles.ts";

const JIT: Frame = { address: 0x7000n, mapping: undefined, type: "native", lines: [] };
const script = (index: number, functionName: string, fileName: string | undefined = "/app/server.js") => ({
  index,
  line: { functionName, fileName, lineNumber: 0 },
});
const names = (frames: readonly Frame[]) => frames.map(({ lines }) => lines[0]?.functionName ?? "[JIT]");

describe("addScriptFrames", () => {
  it("names the frames of code that V8 has made, and leaves those that are of no function", () => {
    const stack = addScriptFrames([JIT, JIT, makeFrame("main")], [script(0, "handle")]);
    assert.deepEqual(names(stack), ["handle", "[JIT]", "main"]);
    assert.deepEqual(stack[0], {
      address: 0n,
      mapping: undefined,
      type: "v8js",
      lines: [{ functionName: "handle", fileName: "/app/server.js", lineNumber: 0 }],
    });
  });

  it("puts a function in the place of the loop that interprets it, and below V8's code that works in its frame", () => {
    const native = ["Builtins_LdaNamedPropertyHandler", "Builtins_InterpreterEntryTrampoline", "Builtins_KeyedStoreIC"];
    const stack = addScriptFrames(
      native.map((name) => makeFrame(name)),
      [script(0, "inner"), script(1, "outer"), script(2, "handle")],
    );
    assert.deepEqual(names(stack), ["inner", "outer", "Builtins_KeyedStoreIC", "handle"]);
  });

  it("calls a function of V8 itself by the name that programs know", () => {
    assert.deepEqual(
      names(
        addScriptFrames(
          [makeFrame("Builtins_ArrayForEach")],
          [{ index: 0, line: { functionName: "forEach", fileName: undefined, lineNumber: 0 } }],
        ),
      ),
      ["forEach"],
    );
  });

  it("leaves a frame that a perf map has named with its line", () => {
    const named: Frame = {
      ...JIT,
      type: "v8js",
      lines: [{ functionName: "handle", fileName: "a.js", lineNumber: 10 }],
    };
    assert.deepEqual(addScriptFrames([named], [script(0, "handle")]), [named]);
  });

  it("names each frame of HotSpot's own code, also where a perf map has another name", () => {
    const code: Frame = { ...JIT, type: "jvm" };
    const stack = addScriptFrames(
      [
        code,
        { ...code, lines: [{ functionName: "Interpreter", fileName: undefined, lineNumber: 0 }] },
        makeFrame("main"),
      ],
      [script(0, "shop.Cart.total", "Cart.java"), script(1, "shop.Cart.main", "Cart.java")],
    );
    assert.deepEqual(names(stack), ["shop.Cart.total", "shop.Cart.main", "main"]);
    assert.equal(stack[0]!.type, "jvm");
  });
});
