import assert from "node:assert/strict";
import fc from "fast-check";
import { readElf } from "../../../src/receiver/elf/elf-file.ts";
import { findSymbol, scanSymbols } from "../../../src/receiver/elf/symbols.ts";
import { fileSource } from "../../support/local-process.ts";

const sourceOf = (bytes: Uint8Array) => ({
  read: (offset: number, lengthBytes: number) => Promise.resolve(bytes.subarray(offset, offset + lengthBytes)),
});

describe("ELF symbols", () => {
  it("finds an exported function of Node's own executable", async () => {
    const elf = await readElf(fileSource(process.execPath));
    assert.ok(elf !== undefined);
    const symbol = await findSymbol(elf, "uv_run");
    assert.ok(symbol !== undefined && symbol.value > 0);
  });

  it("says that a script is no ELF file", async () => {
    assert.equal(await readElf(sourceOf(Buffer.from("#!/bin/sh\nexit 0\n".repeat(8)))), undefined);
  });

  it("never throws on a broken file", async () => {
    const whole = Buffer.from(await fileSource("/bin/true").read(0, 1 << 20));
    const mutation = fc.record({ at: fc.nat(whole.length - 1), value: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { maxLength: 40 }), fc.nat(whole.length), async (mutations, length) => {
        const bytes = Buffer.from(whole.subarray(0, length));
        for (const { at, value } of mutations) if (at < bytes.length) bytes[at] = value;
        // The header too: that is where offsets and counts are.
        for (const { at, value } of mutations) if (at % 64 < bytes.length) bytes[at % 64] = value;
        const elf = await readElf(sourceOf(bytes));
        if (elf !== undefined) await scanSymbols(elf, ".dynsym", ["_"], () => true);
      }),
      { numRuns: 300 },
    );
  });
});
