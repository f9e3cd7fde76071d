import assert from "node:assert/strict";
import fc from "fast-check";
import { goVersion } from "../../../src/broker/reader/go-version.ts";

/** An ELF-64 file with one named section, as small as it goes. */
function elf(sectionName: string, content: Buffer): Buffer {
  const names = Buffer.from(`\0${sectionName}\0.shstrtab\0`);
  const header = Buffer.alloc(64);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(header);
  const contentAt = 64;
  const namesAt = contentAt + content.length;
  const table = Buffer.alloc(3 * 64);
  const section = (index: number, name: number, offset: number, size: number) => {
    table.writeUInt32LE(name, index * 64);
    table.writeBigUInt64LE(BigInt(offset), index * 64 + 24);
    table.writeBigUInt64LE(BigInt(size), index * 64 + 32);
  };
  section(1, 1, contentAt, content.length);
  section(2, sectionName.length + 2, namesAt, names.length);
  header.writeBigUInt64LE(BigInt(namesAt + names.length), 40);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(3, 60);
  header.writeUInt16LE(2, 62);
  return Buffer.concat([header, content, names, table]);
}

function buildInfo(version: string): Buffer {
  const head = Buffer.alloc(32);
  Buffer.from("\xff Go buildinf:\x08\x02", "latin1").copy(head);
  return Buffer.concat([head, Buffer.from([version.length]), Buffer.from(version), Buffer.alloc(64)]);
}

const reader = (file: Buffer) => (offset: number, length: number) => file.subarray(offset, offset + length);

describe("goVersion", () => {
  it("reads the release from .go.buildinfo", () => {
    assert.equal(goVersion(reader(elf(".go.buildinfo", buildInfo("go1.26.1")))), "go1.26.1");
  });

  it("finds none in other programs", () => {
    assert.equal(goVersion(reader(elf(".text", buildInfo("go1.26.1")))), undefined);
    assert.equal(goVersion(reader(Buffer.alloc(0))), undefined);
    assert.equal(goVersion(reader(elf(".go.buildinfo", buildInfo("evil\n")))), undefined);
  });

  it("never throws over a damaged file", () => {
    const file = elf(".go.buildinfo", buildInfo("go1.22.5"));
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.nat(255), fc.nat(file.length), (at, byte, length) => {
        const damaged = Buffer.from(file.subarray(0, length));
        if (at < length) damaged[at] = byte;
        goVersion(reader(damaged));
      }),
      { numRuns: 2000 },
    );
  });
});
