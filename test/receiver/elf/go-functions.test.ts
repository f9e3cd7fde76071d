import { deepEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import type { ElfFile, Section } from "../../../src/receiver/elf/elf-file.ts";
import { goFunctions } from "../../../src/receiver/elf/go-functions.ts";

const MAGIC = 0xfffffff1;
const HEADER_BYTES = 72;
const ENTRY_BYTES = 8;
const FUNCTION_BYTES = 88;
const TEXT = 0x40_1000;
const CODE_BYTES = 64;

/** A .gopclntab with these functions, in the order of their code; `metEarlier` were inlined into the first one. */
function tableOf(functions: readonly string[], metEarlier: ReadonlySet<string> = new Set()): Buffer {
  const offsets = new Map<string, number>();
  const parts: Buffer[] = [];
  let length = 0;
  const add = (name: string) => {
    if (offsets.has(name)) return;
    offsets.set(name, length);
    const bytes = Buffer.from(`${name}\0`);
    parts.push(bytes);
    length += bytes.length;
  };
  add(functions[0]!);
  for (const name of metEarlier) add(name);
  for (const name of functions) add(name);
  const names = Buffer.concat(parts);
  const header = Buffer.alloc(HEADER_BYTES);
  const tableAt = HEADER_BYTES + names.length;
  header.writeUInt32LE(MAGIC, 0);
  header[7] = 8;
  header.writeBigUInt64LE(BigInt(functions.length), 8);
  header.writeBigUInt64LE(BigInt(TEXT), 24);
  header.writeBigUInt64LE(BigInt(HEADER_BYTES), 32);
  header.writeBigUInt64LE(BigInt(tableAt), 40);
  header.writeBigUInt64LE(BigInt(tableAt), 64);
  const table = Buffer.alloc((functions.length + 1) * ENTRY_BYTES + functions.length * FUNCTION_BYTES);
  for (const [index, name] of functions.entries()) {
    const place = (functions.length + 1) * ENTRY_BYTES + index * FUNCTION_BYTES;
    table.writeUInt32LE(index * CODE_BYTES, index * ENTRY_BYTES);
    table.writeUInt32LE(place, index * ENTRY_BYTES + 4);
    table.writeInt32LE(offsets.get(name)!, place + 4);
  }
  table.writeUInt32LE(functions.length * CODE_BYTES, functions.length * ENTRY_BYTES);
  return Buffer.concat([header, names, table]);
}

function elfOf(table: Uint8Array): { readonly elf: ElfFile; readonly bytesRead: () => number } {
  let bytes = 0;
  const read = async (offset: number, lengthBytes: number) => {
    const part = table.subarray(offset, offset + lengthBytes);
    bytes += part.length;
    return part;
  };
  const section = { name: ".gopclntab", isCompressed: false, fileOffset: 0, sizeBytes: table.length } as Section;
  const elf = { source: { read }, sections: [section], segments: [], machine: 62, isRelocatable: false } as ElfFile;
  return { elf, bytesRead: () => bytes };
}

const FUNCTIONS = Array.from({ length: 60_000 }, (_, index) =>
  index >= 9000 && index < 9100 ? `net/http.(*Transport).f${index}` : `package/p${index >> 6}.function${index}`,
);
const WANTED = ["package/p3.function200\0", "net/http.(*Transport).", "absent/package.function\0"];
const expected = (wanted: readonly string[]) =>
  FUNCTIONS.flatMap((name, index) =>
    wanted.some((prefix) => `${name}\0`.startsWith(prefix))
      ? [{ name, address: TEXT + index * CODE_BYTES, sizeBytes: CODE_BYTES }]
      : [],
  );

describe("functions of a Go program by name", () => {
  it("are found with a small part of its table read", async () => {
    const { elf, bytesRead } = elfOf(tableOf(FUNCTIONS));
    const present = WANTED.slice(0, 2);
    deepEqual(await goFunctions(elf, present), expected(present));
    ok(bytesRead() < tableOf(FUNCTIONS).length / 4, `${bytesRead()}`);
  });

  it("are found where names have been met earlier, also that of the one that is wanted", async () => {
    const earlier = new Set(FUNCTIONS.filter((_, index) => index % 70 === 5 || index === 200));
    const { elf } = elfOf(tableOf(FUNCTIONS, earlier));
    const found = await goFunctions(elf, WANTED);
    deepEqual(
      [...found].sort((a, b) => a.address - b.address),
      expected(WANTED),
    );
  });

  it("are none in a damaged table, and nothing is thrown", async () => {
    const small = tableOf(FUNCTIONS.slice(8990, 9010));
    const damage = fc.tuple(fc.nat(small.length - 1), fc.integer({ min: 0, max: 255 }));
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { maxLength: 12 }), fc.nat(small.length), async (changes, length) => {
        const bytes = Buffer.from(small);
        for (const [at, value] of changes) bytes[at] = value;
        await goFunctions(elfOf(bytes.subarray(0, length)).elf, WANTED);
      }),
      { numRuns: 500 },
    );
  });
});
