import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { pathToFileURL } from "node:url";

const MODULE = pathToFileURL("build/src/start-up-garbage.js").href;

describe("garbage of the start", function () {
  this.timeout(20_000);

  it("collects what the start has left, and leaves nothing behind", () => {
    const script = `
      import { collectStartUpGarbage } from ${JSON.stringify(MODULE)};
      let left = Array.from({ length: 200_000 }, (_, i) => ({ i }));
      left = undefined;
      const before = process.memoryUsage().heapUsed;
      collectStartUpGarbage();
      setTimeout(() => {
        const freed = before - process.memoryUsage().heapUsed;
        console.log(JSON.stringify([freed > 4e6, typeof globalThis.gc]));
      }, 4000);`;
    const said = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    assert.deepEqual(JSON.parse(said), [true, "undefined"]);
  });
});
