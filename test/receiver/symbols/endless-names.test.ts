import assert from "node:assert/strict";
import type { ElfFile, Section } from "../../../src/receiver/elf/elf-file.ts";
import { scanSymbols } from "../../../src/receiver/elf/symbols.ts";
import { readFunctionTable } from "../../../src/receiver/symbols/function-table.ts";

const ENTRIES = 100_000;
const NAMES_BYTES = 4 << 20;
const TEXT = 0x10_0000;

/** A file whose names have no end: each of its symbols' names goes on to the end of the table. */
function endless(word: string): ElfFile {
  const names = Buffer.alloc(NAMES_BYTES, word);
  const entries = Buffer.alloc(24 * ENTRIES);
  for (let i = 0; i < ENTRIES; i++) {
    entries.writeUInt32LE(i * word.length, 24 * i);
    entries[24 * i + 4] = 2;
    entries.writeUInt16LE(1, 24 * i + 6);
    entries.writeBigUInt64LE(BigInt(TEXT + 16 * i), 24 * i + 8);
    entries.writeBigUInt64LE(16n, 24 * i + 16);
  }
  const bytes = Buffer.concat([entries, names]);
  const section = (name: string, change: Partial<Section>): Section => ({
    name,
    type: 1,
    isExecutable: false,
    isCompressed: false,
    address: 0,
    fileOffset: 0,
    sizeBytes: 0,
    link: 0,
    entrySizeBytes: 24,
    ...change,
  });
  return {
    source: { read: async (offset, lengthBytes) => bytes.subarray(offset, offset + lengthBytes) },
    machine: 62,
    isRelocatable: true,
    segments: [],
    sections: [
      section("", {}),
      section(".text", { isExecutable: true, address: TEXT, sizeBytes: 16 * ENTRIES }),
      section(".symtab", { sizeBytes: entries.length, link: 3 }),
      section(".strtab", { fileOffset: entries.length, sizeBytes: names.length }),
    ],
  };
}

describe("names without an end", () => {
  it("are read in bounded time, and kept in no more bytes than they have", async () => {
    const table = await readFunctionTable(endless("name"), ".symtab", 64 << 20);
    assert.equal(table?.count, ENTRIES);
    assert.ok(table.sizeBytes <= NAMES_BYTES + 20 * ENTRIES);
    assert.equal(table.nameAt(TEXT + 17), "name".repeat(1024));
  });

  it("are searched for a word in bounded time", async () => {
    let asked = 0;
    const isWanted = (name: Buffer) => {
      asked += name.length <= 4096 ? 1 : 0;
      return false;
    };
    assert.deepEqual(await scanSymbols(endless("v8dbg_"), ".symtab", ["v8dbg_"], isWanted), []);
    assert.equal(asked, ENTRIES - 1);
  });
});
