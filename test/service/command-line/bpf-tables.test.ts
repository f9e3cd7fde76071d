import assert from "node:assert/strict";
import { mapRows, programStats, statRows } from "../../../src/service/command-line/bpf-tables.ts";

const program = (name: string, runs: number, runTimeNs: number) => ({
  object: "socket_trace",
  program: name,
  section: "tp_btf/x",
  runs,
  runTimeNs,
  missed: 0,
});

describe("tables of bpf", () => {
  it("tell what ran between two answers, the dearest first", () => {
    const before = [{ pid: 7, programs: [program("a", 10, 1000), program("b", 0, 0)], maps: [] }];
    const after = [
      { pid: 7, programs: [program("a", 30, 5000), program("b", 4, 1_000_000)], maps: [] },
      { pid: 8, programs: [program("a", 0, 0)], maps: [] },
    ];
    const [head, ...rows] = statRows(programStats(before, after, 2000));
    assert.deepEqual(head?.slice(0, 2), ["PID", "PROGRAM"]);
    assert.deepEqual(rows, [
      ["7", "b", "tp_btf/x", "4", "2", "250000", "0.05", "0"],
      ["7", "a", "tp_btf/x", "20", "10", "200", "0.00", "0"],
      ["8", "a", "tp_btf/x", "0", "0", "-", "0.00", "0"],
    ]);
  });

  it("show what of a map is known", () => {
    const map = { object: "o", map: "m", type: "hash", keySizeBytes: 4, valueSizeBytes: 8, maxEntries: 100 };
    const [, ...rows] = mapRows([
      { ...map, pid: 7, entries: 10_000, isEntriesCut: true, memoryBytes: 2049 },
      { ...map, pid: undefined, entries: undefined, isEntriesCut: false, memoryBytes: undefined },
    ]);
    assert.deepEqual(rows, [
      ["7", "o", "m", "hash", "4", "8", "100", "10000+", "3"],
      ["-", "o", "m", "hash", "4", "8", "100", "-", "-"],
    ]);
  });
});
