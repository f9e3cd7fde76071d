/** One run of the fuzzer over what profiles are read from: files and memory of a process, damaged from one seed. Nothing may throw or hang. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DebugInfo } from "../../src/receiver/debug-info/debug-info.ts";
import { DebugSections } from "../../src/receiver/debug-info/debug-sections.ts";
import { readElf, viewOf } from "../../src/receiver/elf/elf-file.ts";
import { demangle } from "../../src/receiver/symbols/demangle.ts";
import { ElfImage } from "../../src/receiver/symbols/elf-image.ts";
import { GoLineTable } from "../../src/receiver/symbols/go-line-table.ts";
import { jitName } from "../../src/receiver/symbols/jit-name.ts";
import { KernelSymbols } from "../../src/receiver/symbols/kernel-symbols.ts";
import { PerfMap } from "../../src/receiver/symbols/perf-map.ts";
import { compileRows } from "../../src/receiver/unwind/compile-rows.ts";
import { loadMemorySeeds } from "./fuzz-memory.ts";
import { generator } from "./random.ts";

/** One part of a corpus: what is damaged, and who has to bear it. */
export interface SymbolSeed {
  readonly kind: string;
  readonly bytes: Uint8Array;
  readonly read: (bytes: Uint8Array, random: () => number) => Promise<void> | void;
}

const LOOKUPS = 40;
const ROW_LIMIT = 100_000;

export async function loadSymbolSeeds(): Promise<SymbolSeed[]> {
  const seeds: SymbolSeed[] = [];
  const elf = (path: string) => seeds.push({ kind: `ELF ${path}`, bytes: readFileSync(path), read: readImage });
  for (const path of ["/bin/true", "/bin/sh"]) elf(path);
  const frames = await sectionOf(readFileSync("/bin/sh"), ".eh_frame");
  if (frames !== undefined) {
    const read = (bytes: Uint8Array) => void compileRows(bytes, 0x1000, 0, ROW_LIMIT);
    seeds.push({ kind: ".eh_frame", bytes: frames, read });
  }
  const go = buildGo();
  const table = go === undefined ? undefined : await sectionOf(go, ".gopclntab");
  if (go !== undefined && table !== undefined) {
    seeds.push({ kind: "ELF of Go", bytes: go, read: readImage });
    seeds.push({ kind: ".gopclntab", bytes: table, read: readGo });
  }
  for (const [kind, bytes] of buildWithDebugInfo()) seeds.push({ kind, bytes, read: readDebugInfo });
  seeds.push({ kind: "perf map", bytes: Buffer.from(PERF_MAP.repeat(20)), read: readPerfMap });
  seeds.push({ kind: "kallsyms", bytes: Buffer.from(KALLSYMS.repeat(50)), read: readKernel });
  seeds.push({ kind: "mangled names", bytes: Buffer.from(MANGLED.join("\n")), read: readNames });
  return [...seeds, ...loadMemorySeeds()];
}

const PERF_MAP = `7f0000001000 40 JS:*handle /srv/app.js:10:20\n7f0000001040 1c0 Builtin:CEntry\n7f0000000000 3000 py::f:/a b.py\n0 0 x\n`;
const KALLSYMS = "ffffffff81000000 T _stext\nffffffff81000100 t do_it\nffffffffc0000000 t module_fn\t[module]\n";
const MANGLED = [
  "_ZNSt6vectorIiSaIiEE9push_backEOi",
  "_ZN3foo3bar17h0123456789abcdefE",
  "_RINvNtC3std3mem8align_ofNtNtC3std3mem12DiscriminantE",
  "_ZN4shop4CartIdE5totalERKSt6vectorIdSaIdEE.isra.0",
];

export async function fuzzSymbolsOnce(seeds: readonly SymbolSeed[], seed: number): Promise<string> {
  const random = generator(seed);
  const { kind, bytes, read } = seeds[Math.floor(random() * seeds.length)]!;
  const damaged = Uint8Array.from(bytes);
  const view = viewOf(damaged);
  const places = [64, 4096, damaged.length];
  for (let i = Math.floor(random() * 24); i >= 0; i--) {
    // Headers and their neighbourhood decide the most.
    const at = Math.floor(random() * Math.min(damaged.length, places[Math.floor(random() * places.length)]!));
    const choice = random();
    if (choice < 0.4) damaged[at] = Math.floor(random() * 256);
    else if (choice < 0.6) damaged[at]! ^= 1 << Math.floor(random() * 8);
    else if (choice < 0.8 && at + 4 <= damaged.length)
      view.setUint32(at, [0, 0xffffffff, 0x7fffffff, 1][Math.floor(random() * 4)]!, true);
    else if (at + 8 <= damaged.length) view.setBigUint64(at, BigInt(Math.floor(random() * 2 ** 53)), true);
  }
  await read(random() < 0.3 ? damaged.subarray(0, Math.floor(random() * damaged.length)) : damaged, random);
  return kind;
}

async function readImage(bytes: Uint8Array, random: () => number): Promise<void> {
  const source = {
    sizeBytes: bytes.length,
    read: (offset: number, lengthBytes: number) => Promise.resolve(bytes.subarray(offset, offset + lengthBytes)),
  };
  const image = await ElfImage.read({ source, findDebugFile: () => Promise.resolve(undefined) });
  for (let i = 0; i < LOOKUPS; i++) {
    const frame = image?.frameAt(Math.floor(random() * bytes.length));
    for (const { functionName } of frame?.lines ?? []) assert.ok(functionName.length <= 5000);
  }
}

function readGo(bytes: Uint8Array, random: () => number): void {
  const functionData = (offset: number, lengthBytes: number) => bytes.subarray(offset, offset + lengthBytes);
  const table = GoLineTable.parse(bytes, { textStart: 0x401000, functionData });
  for (let i = 0; i < LOOKUPS; i++)
    assert.ok((table?.linesAt(0x401000 + Math.floor(random() * 0x300000))?.length ?? 0) <= 65);
}

/** Only what is between the segments and the sections' headers is damaged: what counts is in the debug sections. */
async function readDebugInfo(bytes: Uint8Array, random: () => number): Promise<void> {
  const elf = await readElf({ read: (at, length) => Promise.resolve(bytes.subarray(at, at + length)) });
  if (elf === undefined) return;
  const debug = elf.sections.filter(({ name }) => name.startsWith(".debug_"));
  for (let i = Math.floor(random() * 12); i >= 0 && debug.length > 0; i--) {
    const { fileOffset, sizeBytes } = debug[Math.floor(random() * debug.length)]!;
    bytes[fileOffset + Math.floor(random() * sizeBytes)] = Math.floor(random() * 256);
  }
  const sections = new DebugSections(elf);
  const info = await DebugInfo.read(sections, 1 << 20);
  const text = elf.sections.find(({ name }) => name === ".text");
  for (let i = 0; i < LOOKUPS; i++) {
    const address = (text?.address ?? 0) + Math.floor(random() * (text?.sizeBytes ?? 4096));
    const lines = await info.linesAt(sections, address);
    assert.ok((lines?.length ?? 0) <= 65);
    for (const { functionName } of lines ?? []) assert.ok((functionName?.length ?? 0) <= 1024);
  }
  assert.ok(info.sizeBytes < 16 << 20);
}

function readPerfMap(bytes: Uint8Array, random: () => number): void {
  const map = new PerfMap();
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + Math.floor(random() * 200);
    map.append(bytes.subarray(at, end));
    at = end;
  }
  for (let i = 0; i < LOOKUPS; i++) {
    const found = map.find(0x7f0000000000 + Math.floor(random() * 0x4000));
    if (found !== undefined) jitName(found.name);
  }
}

function readKernel(bytes: Uint8Array): void {
  const symbols = KernelSymbols.parse(bytes);
  for (const address of [0n, 0xffffffff81000050n, 0xffffffffffffffffn]) symbols?.nameAt(address);
}

function readNames(bytes: Uint8Array): void {
  for (const name of Buffer.from(bytes).toString("latin1").split("\n")) assert.ok(demangle(name).length <= 1024);
}

async function sectionOf(file: Uint8Array, name: string): Promise<Uint8Array | undefined> {
  const source = { read: (at: number, length: number) => Promise.resolve(file.subarray(at, at + length)) };
  const section = (await readElf(source))?.sections.find((each) => each.name === name);
  return section === undefined ? undefined : file.slice(section.fileOffset, section.fileOffset + section.sizeBytes);
}

const INLINED = `namespace a { struct B { int c; int d() const { return c * 7; } };
static int e(const B& b) { return b.d() + b.c; } template <typename T> T f(T t) { return t + e(B{t}); } }
int main(int n, char**) { int s = 0; for (int i = 0; i < n; i++) s += a::f(i); return s; }
`;

function buildWithDebugInfo(): [string, Uint8Array][] {
  const folder = mkdtempSync(join(tmpdir(), "sockspan-fuzz-"));
  const kinds = [
    ["g++", "-gdwarf-5"],
    ["g++", "-gdwarf-4"],
    ["clang++", "-gdwarf-5"],
  ] as const;
  try {
    writeFileSync(join(folder, "a.cpp"), INLINED);
    return kinds.flatMap(([compiler, version]): [string, Uint8Array][] => {
      try {
        execFileSync(compiler, ["-O2", "-g", version, "-o", "a", "a.cpp"], { cwd: folder, stdio: "ignore" });
        return [[`debug information of ${compiler} ${version}`, readFileSync(join(folder, "a"))]];
      } catch {
        return [];
      }
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function buildGo(): Uint8Array | undefined {
  const folder = mkdtempSync(join(tmpdir(), "sockspan-fuzz-"));
  try {
    writeFileSync(join(folder, "a.go"), "package main\nfunc main() { println(len(make([]int, 3))) }\n");
    execFileSync("go", ["build", "-ldflags=-s -w", "-o", "a", "a.go"], { cwd: folder, stdio: "ignore" });
    return readFileSync(join(folder, "a"));
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
