import assert from "node:assert/strict";
import { PerfMap } from "../../../src/receiver/symbols/perf-map.ts";
import { PerfMapFile } from "../../../src/receiver/symbols/perf-map-file.ts";
import { fuzzSymbolsOnce, loadSymbolSeeds } from "../../support/fuzz-symbols.ts";

describe("readers of symbols", function () {
  this.timeout(60_000);

  it("bear damaged ELF files, unwinding tables, Go's tables, perf maps and names", async () => {
    const seeds = await loadSymbolSeeds();
    const kinds = new Set<string>();
    for (let seed = 1; seed <= 400; seed++) kinds.add(await fuzzSymbolsOnce(seeds, seed));
    assert.equal(kinds.size, seeds.length);
  });

  it("read no more of a perf map than they must", async () => {
    let readBytes = 0;
    const line = Buffer.from(`1000 10 ${"name".repeat(40)}\n`.repeat(2_000));
    const file = new PerfMapFile({
      open: () => Promise.resolve({ file: "1.1", sizeBytes: 100 << 20, identity: "" }),
      read: (_file, _offset, lengthBytes) => {
        readBytes += lengthBytes;
        return Promise.resolve(line.subarray(0, lengthBytes));
      },
      nowMs: () => 0,
    });
    await file.refresh();
    assert.ok(readBytes <= 32 << 20);
    assert.equal(file.reason, "perf_map_too_large");
    assert.equal(file.find(0x1008), "name".repeat(40));
  });

  it("keep the latest of entries for one place, and a bound on them all", () => {
    const map = new PerfMap();
    map.append(Buffer.from("1000 100 old\n1000 100 new\n2000 100 moved_away\n"));
    map.append(Buffer.from("2080 100 moved_"));
    map.append(Buffer.from("here\nzz 10 bad\n3000 0 empty\n4000 10\n"));
    assert.deepEqual(
      [0x1010, 0x2010, 0x2090, 0x3000].map((address) => map.find(address)?.name),
      ["new", "moved_away", "moved_here", undefined],
    );
    assert.equal(map.refusedLines, 3);
    for (let i = 0; i < 40; i++) {
      map.append(
        Buffer.from(
          Array.from({ length: 10_000 }, (_, j) => `${(0x100000 + i * 160_000 + j * 16).toString(16)} 10 f\n`).join(""),
        ),
      );
    }
    assert.equal(map.count <= 300_000 && map.refusedLines > 90_000, true);
    assert.equal(map.find(0x100008)?.name, "f");
    const endless = new PerfMap();
    for (let i = 0; i < 100; i++) endless.append(Buffer.alloc(1 << 16, 0x61));
    assert.equal(endless.count, 0);
  });
});
