import assert from "node:assert/strict";
import { demoLines } from "../../../src/service/demo/demo.ts";

describe("demo", () => {
  it("shows one whole trace from the embedded recording", () => {
    const shape = demoLines().map((line) => /(\W*)(CLIENT|SERVER) (.*?) {2}GET \/p\/hello {2}200/.exec(line)?.slice(2));
    assert.deepEqual(shape, [
      ["CLIENT", "curl → nginx"],
      ["SERVER", "nginx"],
      ["CLIENT", "nginx → node"],
      ["SERVER", "node"],
    ]);
  });
});
