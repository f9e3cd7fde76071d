import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { BrokerClient } from "../../../src/ipc/broker-client.ts";
import { readElf } from "../../../src/receiver/elf/elf-file.ts";
import { findSymbol } from "../../../src/receiver/elf/symbols.ts";
import { ThreadSymbolizer } from "../../../src/receiver/symbols/thread-symbolizer.ts";
import { LocalBroker } from "../../support/local-broker.ts";
import { fileSource } from "../../support/local-process.ts";
import { RecordingLog } from "../../support/recording-log.ts";
import { makeStackSample } from "../../support/stack-samples.ts";

describe("ThreadSymbolizer", function () {
  this.timeout(30_000);
  let symbolizer: ThreadSymbolizer;
  let broker: LocalBroker;
  let uvRun: bigint;

  before(async () => {
    const elf = (await readElf(fileSource(process.execPath)))!;
    const symbol = (await findSymbol(elf, "uv_run"))!;
    const line = readFileSync("/proc/self/maps", "utf8")
      .split("\n")
      .find((each) => each.includes(process.execPath))!;
    uvRun = BigInt(symbol.value + (elf.isRelocatable ? Number.parseInt(line, 16) : 0));
  });

  const start = (request: BrokerClient["request"]) => {
    symbolizer = new ThreadSymbolizer({ client: { request }, log: new RecordingLog(), nowMs: () => performance.now() });
    return symbolizer.ready();
  };
  beforeEach(() => {
    broker = new LocalBroker();
  });
  afterEach(() => symbolizer.stop());

  const sample = () =>
    makeStackSample({ tgid: process.pid, userStack: BigUint64Array.of(uvRun, uvRun + 5n, 0xdead_beefn) });

  it("names frames, shares them between samples, and asks once", async () => {
    await start(broker.request as BrokerClient["request"]);
    const [first, second] = await symbolizer.symbolize([sample(), sample()]);
    assert.deepEqual(
      first!.stack.map(({ lines, address }) => [lines[0]?.functionName, address]),
      [
        ["uv_run", uvRun],
        ["uv_run", uvRun + 4n],
        [undefined, 0xdead_beeen],
      ],
    );
    assert.equal(first!.stack[0], second!.stack[0]);
    assert.equal(first!.isLate, false, "an address that has no name is not late");
    const mapping = first!.stack[0]!.mapping!;
    assert.equal(mapping.fileName, process.execPath);
    assert.ok(uvRun >= mapping.memoryStart && uvRun < mapping.memoryLimit);
    assert.deepEqual(
      [symbolizer.account.out, symbolizer.account.consumed, symbolizer.account.held],
      [4, new Map([["no_mapping", 2]]), 0],
    );
    const reads = broker.asked.filter((type) => type === "file_read").length;
    await symbolizer.symbolize([sample()]);
    assert.equal(broker.asked.filter((type) => type === "file_read").length, reads);
  });

  it("gives the stack of the last time, until the process executes another program", async () => {
    await start(broker.request as BrokerClient["request"]);
    const known = () => makeStackSample({ tgid: process.pid, userStack: BigUint64Array.of(uvRun, uvRun + 5n) });
    const looks = () => broker.asked.filter((type) => type === "process_images").length;
    const [first] = await symbolizer.symbolize([known()]);
    const looksBefore = looks();
    const [again] = await symbolizer.symbolize([known()]);
    assert.equal(again!.stack, first!.stack);
    assert.deepEqual([symbolizer.account.in, symbolizer.account.out, looks()], [4, 4, looksBefore]);

    symbolizer.executed(process.pid);
    await symbolizer.symbolize([known()]);
    assert.ok(looks() > looksBefore);
  });

  it("puts interpreted frames between, and goes on without a broker", async () => {
    await start((() => Promise.reject(new Error("gone"))) as BrokerClient["request"]);
    const frames = [{ functionName: "f", fileName: "a.py", lineNumber: 3, isEntry: true }];
    const interpreterStack = { type: "cpython", loopFunctions: ["_PyEval_EvalFrameDefault"], frames };
    const [named] = await symbolizer.symbolize([{ ...sample(), interpreterStack }]);
    assert.equal(named!.stack.length, 4);
    assert.equal(named!.stack.at(-1)!.lines[0]!.functionName, "f");
    assert.deepEqual([...symbolizer.account.consumed.keys()], ["process_gone"]);
  });

  it("goes on without its thread", async () => {
    await start(broker.request as BrokerClient["request"]);
    await symbolizer.stop();
    const [plain] = await symbolizer.symbolize([sample()]);
    assert.equal(plain!.stack.length, 3);
    assert.equal(plain!.isLate, true);
    assert.deepEqual(symbolizer.account.consumed, new Map([["late", 3]]));
  });
});
