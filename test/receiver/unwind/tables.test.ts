import assert from "node:assert/strict";
import { PROFILE_LAYOUT } from "../../../src/bpf/layout.gen.ts";
import { ImageTable } from "../../../src/receiver/unwind/image-table.ts";
import { MappingTable } from "../../../src/receiver/unwind/mapping-table.ts";
import { RangeSpace } from "../../../src/receiver/unwind/range-space.ts";
import { biasOf } from "../../../src/receiver/unwind/read-image.ts";

const ROW = PROFILE_LAYOUT.unwind_row.sizeBytes;
const LAYOUT = { baseAddress: 0, segments: [] };

function rows(count: number): { bytes: Uint8Array; count: number } {
  return { bytes: new Uint8Array(count * ROW).fill(count), count };
}

describe("RangeSpace", () => {
  it("gives what was given back only after a rest, joined with its neighbours", () => {
    let now = 0;
    const space = new RangeSpace(10, () => now);
    const [a, b] = [space.take(4)!, space.take(6)!];
    assert.equal(space.take(1), undefined);
    space.giveBack(a);
    space.giveBack(b);
    assert.equal(space.take(10), undefined);
    assert.equal(space.usedCount, 0);
    now = 5000;
    assert.deepEqual(space.take(10), { first: 0, count: 10 });
  });
});

describe("ImageTable", () => {
  it("keeps images that are mapped, and lets the others go when there is no room", () => {
    let now = 0;
    const withdrawn: number[] = [];
    const table = new ImageTable(
      { sizeBytes: 10 * ROW, write: () => {} },
      (place) => withdrawn.push(place),
      new RangeSpace(10, () => now),
    );
    table.add("unused", LAYOUT, rows(4));
    table.add("used", LAYOUT, rows(4)).places.add(7);
    assert.equal(table.add("new", LAYOUT, rows(4)).rows.count, 0, "it has to wait for the rest");
    assert.equal(table.find("new"), undefined, "and is tried again");
    assert.equal(table.find("unused"), undefined);
    assert.equal(table.find("used")?.rows.count, 4);
    now = 5000;
    assert.equal(table.add("new", LAYOUT, rows(4)).rows.count, 4);
    assert.deepEqual(withdrawn, []);
    table.add("big", LAYOUT, rows(9));
    assert.deepEqual(withdrawn, [7], "what is mapped goes last, and its places are told");
    assert.equal(table.refused, 2);
  });
});

describe("MappingTable", () => {
  it("marks what it takes back as of no description", () => {
    const { sizeBytes, offsets } = PROFILE_LAYOUT.unwind_mapping;
    const bytes = new Uint8Array(4 * sizeBytes);
    const view = new DataView(bytes.buffer);
    const table = new MappingTable(bytes);
    const mapping = { start: 4096, end: 8192, bias: -4096, firstRow: 3, rowCount: 9, generation: 5 };
    const range = table.add([mapping, mapping])!;
    assert.equal(view.getBigInt64(sizeBytes + offsets.bias, true), -4096n);
    assert.equal(view.getUint32(sizeBytes + offsets.row_count, true), 9);
    table.withdrawRows(1);
    assert.equal(view.getUint32(sizeBytes + offsets.row_count, true), 0);
    assert.equal(view.getUint32(offsets.row_count, true), 9);
    table.remove(range);
    assert.equal(view.getUint32(offsets.generation, true), 0);
    assert.equal(table.add([mapping, mapping, mapping]), undefined);
  });
});

describe("biasOf", () => {
  it("takes the executable segment where two share a page", () => {
    const segment = { type: 1, fileSizeBytes: 0x533c, memorySizeBytes: 0x533c, alignment: 4096 };
    const segments = [
      { ...segment, fileOffset: 0, address: 0, isExecutable: false },
      { ...segment, fileOffset: 0x5340, address: 0x6340, isExecutable: true },
    ];
    assert.equal(biasOf({ baseAddress: 0, segments }, { start: 0x7000_6000, fileOffset: 0x5000 }), 0x7000_0000);
    assert.equal(biasOf({ baseAddress: 0, segments }, { start: 0x7000_0000, fileOffset: 0x40000 }), undefined);
  });
});
