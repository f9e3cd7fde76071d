import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { DebugInfo } from "../../../src/receiver/debug-info/debug-info.ts";
import { DebugSections } from "../../../src/receiver/debug-info/debug-sections.ts";
import { readElf, sectionNamed } from "../../../src/receiver/elf/elf-file.ts";
import { Scratch } from "../../support/scratch.ts";
import { skip } from "../../support/skip.ts";
import { has } from "../symbols/programs.ts";
import { compile, symbolizer } from "./programs.ts";

const ADDRESSES = 600;
/** Demanglers write templates and return types in several ways. */
const IS_PLAIN = /^[\w:~]+(?:\(|$)/;
/** Without parameters, and without the hash of Rust's. */
const plain = (name: string | undefined) =>
  (name ?? "").replace(/\(anonymous namespace\)/, "").replace(/(?:\(|::h[0-9a-f]{16}$).*/, "");

describe("DebugInfo", function () {
  this.timeout(60_000);
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  for (const [compiler, title, flags] of [
    ["g++", "DWARF 5", ["-gdwarf-5"]],
    ["g++", "DWARF 4", ["-gdwarf-4"]],
    ["g++", "DWARF 5 of 64 bits", ["-gdwarf-5", "-gdwarf64"]],
    ["g++", "compressed sections", ["-gz"]],
    ["g++", "link-time optimisation", ["-flto"]],
    ["g++", "functions that the linker left out", ["-ffunction-sections", "-Wl,--gc-sections"]],
    ["clang++", "DWARF 5, which names addresses and strings by index", ["-gdwarf-5"]],
    ["clang++", "DWARF 4", ["-gdwarf-4"]],
    ["rustc", "its own library", []],
  ] as const) {
    it(`says of ${compiler}'s code what llvm-symbolizer says: ${title}`, async function () {
      for (const command of [compiler, "llvm-symbolizer"]) if (!has(command)) skip(this, `there is no ${command}`);
      const path = compile(scratch, compiler, flags);
      const inlined = await compare(path);
      assert.ok(inlined > ADDRESSES / 4, `only ${inlined} addresses have functions put into others`);
    });
  }

  it("follows what dwz(1) has put together", async function () {
    for (const command of ["g++", "dwz", "llvm-symbolizer"]) if (!has(command)) skip(this, `there is no ${command}`);
    const path = compile(scratch, "g++", []);
    execFileSync("dwz", [path]);
    assert.ok((await compare(path)) > ADDRESSES / 4);
  });

  it("knows nothing where there is nothing", async () => {
    const { info, sections } = await read("/bin/true");
    assert.equal(await info.linesAt(sections, 0x1000), undefined);
  });
});

async function read(path: string) {
  const file = readFileSync(path);
  const source = { read: (at: number, length: number) => Promise.resolve(file.subarray(at, at + length)) };
  const elf = await readElf(source);
  assert.ok(elf !== undefined);
  const sections = new DebugSections(elf);
  return { elf, sections, info: await DebugInfo.read(sections, 1 << 20) };
}

/** @returns how many addresses have functions put into others */
async function compare(path: string): Promise<number> {
  const { elf, info, sections } = await read(path);
  const text = sectionNamed(elf, ".text")!;
  const addresses = Array.from(
    { length: ADDRESSES },
    (_, i) => text.address + Math.floor((text.sizeBytes * i) / ADDRESSES),
  );
  const expected = symbolizer(path, addresses);
  let [inlined, unknown] = [0, 0];
  for (const [i, address] of addresses.entries()) {
    const lines = await info.linesAt(sections, address);
    const want = expected[i]!;
    if (lines === undefined) {
      unknown++;
      // The C runtime's own code has no debug information.
      assert.deepEqual(
        want.map(({ place }) => place),
        ["?"],
      );
      continue;
    }
    const places = lines.map(({ fileName, lineNumber }) =>
      fileName === undefined || lineNumber === 0
        ? "?"
        : `${fileName.slice(fileName.lastIndexOf("/") + 1)}:${lineNumber}`,
    );
    assert.deepEqual(
      places,
      want.map(({ place }) => place),
      `at 0x${address.toString(16)}`,
    );
    if (lines.length > 1) inlined++;
    const [own] = want;
    if (IS_PLAIN.test(own!.name)) assert.ok(plain(lines[0]!.functionName).endsWith(plain(own!.name)), own!.name);
  }
  assert.ok(unknown < addresses.length / 4, `${unknown} addresses are unknown`);
  return inlined;
}
