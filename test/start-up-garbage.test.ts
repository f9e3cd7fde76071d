import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { pathToFileURL } from "node:url";
import { collectGarbage } from "../src/start-up-garbage.ts";

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

  it("is collected by each of several threads, at the same moment too", () => {
    // Without another try some of these go without.
    const thread = `
      const { parentPort } = require("node:worker_threads");
      const alive = setInterval(() => {}, 1000);
      import(${JSON.stringify(MODULE)}).then(async ({ ${collectGarbage.name}: collect }) => {
        let missed = 0;
        for (let i = 0; i < 80; i++) if (!(await collect())) missed++;
        clearInterval(alive);
        parentPort.postMessage(missed);
      });`;
    const script = `
      import { Worker } from "node:worker_threads";
      const threads = Array.from({ length: 4 }, () => new Worker(${JSON.stringify(thread)}, { eval: true, execArgv: [] }));
      const missed = await Promise.all(threads.map((each) => new Promise((resolve) => each.on("message", resolve))));
      console.log(JSON.stringify(missed));`;
    const said = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    assert.deepEqual(JSON.parse(said), [0, 0, 0, 0]);
  });
});
