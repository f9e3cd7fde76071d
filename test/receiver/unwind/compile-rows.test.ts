import assert from "node:assert/strict";
import { PROFILE_LAYOUT, UnwindKind } from "../../../src/bpf/layout.gen.ts";
import { type CompiledRows, compileGoRows, compileRows, mergeRows } from "../../../src/receiver/unwind/compile-rows.ts";

const SECTION = 0x2000;
const SIZE = PROFILE_LAYOUT.unwind_row.sizeBytes;

interface Row {
  readonly address: number;
  readonly kind: number;
  readonly cfa: number;
  readonly fp: number;
}

function rowsOf(compiled: CompiledRows | undefined): Row[] {
  assert.ok(compiled);
  const view = new DataView(compiled.bytes.buffer, compiled.bytes.byteOffset);
  return Array.from({ length: compiled.count }, (_, i) => ({
    address: view.getUint32(i * SIZE, true),
    kind: view.getUint8(i * SIZE + 6),
    cfa: view.getInt16(i * SIZE + 4, true),
    fp: view.getInt8(i * SIZE + 7),
  }));
}

function entry(content: readonly number[]): number[] {
  const padded = [...content, ...new Array((8 - ((content.length + 4) % 8)) % 8).fill(0)];
  return [padded.length & 0xff, padded.length >> 8, 0, 0, ...padded];
}

function u32(value: number): number[] {
  return [...new Uint8Array(Int32Array.of(value).buffer)];
}

/** "zR", code alignment 1, data alignment -8, return address in 16, pc-relative sdata4; CFA = rsp + 8, RA at CFA - 8. */
const COMMON = entry([0, 0, 0, 0, 1, 0x7a, 0x52, 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1]);
const SIGNAL = entry([0, 0, 0, 0, 1, 0x7a, 0x52, 0x53, 0, 1, 0x78, 16, 1, 0x1b]);

class Section {
  readonly bytes: number[] = [];

  common(content: readonly number[]): number {
    const at = this.bytes.length;
    this.bytes.push(...content);
    return at;
  }

  function(commonAt: number, start: number, length: number, instructions: readonly number[]): void {
    const at = this.bytes.length;
    const place = SECTION + at + 8;
    this.bytes.push(...entry([...u32(at + 4 - commonAt), ...u32(start - place), ...u32(length), 0, ...instructions]));
  }

  compile(limit = 1000): CompiledRows | undefined {
    return compileRows(Uint8Array.from([...this.bytes, 0, 0, 0, 0]), SECTION, 0x1000, limit);
  }
}

describe("compileRows", () => {
  it("follows pushes, a frame pointer and their end", () => {
    const section = new Section();
    const common = section.common(COMMON);
    // push rbp; mov rbp, rsp; ...; leave
    section.function(common, 0x1100, 0x40, [0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x40 | 0x38, 0x0c, 7, 8]);
    assert.deepEqual(rowsOf(section.compile()), [
      { address: 0x100, kind: UnwindKind.sp, cfa: 1, fp: 0 },
      { address: 0x101, kind: UnwindKind.sp, cfa: 2, fp: -2 },
      { address: 0x104, kind: UnwindKind.fp, cfa: 2, fp: -2 },
      { address: 0x13c, kind: UnwindKind.sp, cfa: 1, fp: -2 },
      { address: 0x140, kind: UnwindKind.framePointer, cfa: 0, fp: 0 },
    ]);
  });

  it("remembers and restores, and takes functions in any order", () => {
    const section = new Section();
    const common = section.common(COMMON);
    section.function(common, 0x1200, 0x10, [0x41, 0x0e, 32, 0x41, 0x0a, 0x0e, 8, 0x41, 0x0b]);
    section.function(common, 0x1100, 0x10, []);
    assert.deepEqual(
      rowsOf(section.compile()).map(({ address, kind, cfa }) => [address, kind, cfa]),
      [
        [0x100, UnwindKind.sp, 1],
        [0x110, UnwindKind.framePointer, 0],
        [0x200, UnwindKind.sp, 1],
        [0x201, UnwindKind.sp, 4],
        [0x202, UnwindKind.sp, 1],
        [0x203, UnwindKind.sp, 4],
        [0x210, UnwindKind.framePointer, 0],
      ],
    );
  });

  it("knows the outermost frame, signal frames, .plt and realigned stacks", () => {
    const section = new Section();
    const common = section.common(COMMON);
    section.function(common, 0x1100, 0x10, [0x07, 16]);
    section.function(common, 0x1110, 0x100, [0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22]);
    section.function(common, 0x1210, 0x10, [0x10, 6, 2, 0x76, 0, 0x0f, 3, 0x76, 0x78, 0x06]);
    section.function(common, 0x1220, 0x10, [0x0c, 10, 0]);
    const signal = section.common(SIGNAL);
    section.function(signal, 0x1230, 0x10, []);
    assert.deepEqual(
      rowsOf(section.compile()).map(({ kind, cfa }) => [kind, cfa]),
      [
        [UnwindKind.end, 0],
        [UnwindKind.plt, 11],
        [UnwindKind.fpLoad, -1],
        [UnwindKind.unsupported, 0],
        [UnwindKind.signal, 0],
        [UnwindKind.framePointer, 0],
      ],
    );
  });

  it("makes none of more rows than there is room for", () => {
    const section = new Section();
    const common = section.common(COMMON);
    section.function(common, 0x1100, 0x40, [0x41, 0x0e, 16, 0x41, 0x0e, 24, 0x41, 0x0e, 32]);
    assert.equal(section.compile(3), undefined);
  });

  it("survives whatever is in the file", () => {
    const section = new Section();
    const common = section.common(COMMON);
    section.function(common, 0x1100, 0x40, [0x41, 0x0e, 16, 0x86, 2, 0x0f, 200, 1]);
    const bytes = Uint8Array.from([...section.bytes, 0, 0, 0, 0]);
    let seed = 1;
    const random = () => {
      seed = (seed * 1103515245 + 12345) % 0x80000000;
      return seed / 0x80000000;
    };
    for (let round = 0; round < 3000; round++) {
      const damaged = bytes.slice(0, 1 + Math.floor(random() * bytes.length));
      for (let i = 0; i < 3; i++) damaged[Math.floor(random() * damaged.length)] = Math.floor(random() * 256);
      compileRows(damaged, SECTION, 0x1000, 10_000);
    }
  });
});

describe("compileGoRows", () => {
  const table = {
    forEachDepth: (visit: (start: number, depth: number) => void) => {
      visit(0x1000, 0);
      visit(0x1008, 24);
      visit(0x1040, 0);
      visit(0x1050, 0);
      visit(0x1060, -1);
    },
  };

  it("finds the caller at rsp where there is no frame, else by rbp", () => {
    assert.deepEqual(
      rowsOf(compileGoRows(table, 0x1000, 100)).map(({ address, kind }) => [address, kind]),
      [
        [0, UnwindKind.sp],
        [8, UnwindKind.framePointer],
        [0x40, UnwindKind.sp],
        [0x60, UnwindKind.framePointer],
      ],
    );
  });

  it("goes before or behind the rows of C code", () => {
    const section = new Section();
    section.function(section.common(COMMON), 0x1060, 0x20, []);
    const merged = rowsOf(mergeRows(section.compile()!, compileGoRows(table, 0x1000, 100)!));
    assert.deepEqual(
      merged.map(({ address }) => address),
      [0, 8, 0x40, 0x60, 0x80],
    );
    assert.equal(merged[3]?.kind, UnwindKind.sp);
  });
});
