/** What the profiler reads of the memory, and of the files, of the processes that it samples: seeds of the fuzzer of symbols. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROFILE_LAYOUT } from "../../src/bpf/layout.gen.ts";
import { readElf, viewOf } from "../../src/receiver/elf/elf-file.ts";
import { readCode } from "../../src/receiver/interpreters/cpython-code.ts";
import { CPYTHON_LAYOUTS, type CpythonLayout } from "../../src/receiver/interpreters/cpython-layout.ts";
import { lineAt } from "../../src/receiver/interpreters/cpython-lines.ts";
import { readV8Constants } from "../../src/receiver/interpreters/v8-constants.ts";
import { contextMappings, readProcessContext } from "../../src/receiver/otel-context/process-context.ts";
import { nameThreadAttributes, readThreadAttributes } from "../../src/receiver/otel-context/thread-attributes.ts";
import { findContextVariable, placeOf } from "../../src/receiver/otel-context/thread-context-place.ts";
import { parseMappings } from "../../src/receiver/runtimes/parse-mappings.ts";
import { PerfMapFile } from "../../src/receiver/symbols/perf-map-file.ts";
import { biasOf, readImage } from "../../src/receiver/unwind/read-image.ts";
import type { SymbolSeed } from "./fuzz-symbols.ts";
import { JvmImage, jvmLineOf } from "./jvm-image.ts";
import { memoryOf } from "./memory-image.ts";
import { functionOf, StringType, V8HeapImage } from "./v8-heap-image.ts";

const ROW_LIMIT = 100_000;
const { sizeBytes: ROW_BYTES, offsets: ROW } = PROFILE_LAYOUT.unwind_row;
/** Of the longest name that any of them gives. */
const NAME_LIMIT = 1024;

export function loadMemorySeeds(): SymbolSeed[] {
  const seeds: SymbolSeed[] = [v8Heap(), javaMethods(), processContext(), threadAttributes()];
  for (const [version, layout] of CPYTHON_LAYOUTS) seeds.push(cpythonCode(version, layout));
  seeds.push({ kind: "image to unwind", bytes: readFileSync("/bin/sh"), read: unwindImage });
  seeds.push({ kind: "maps", bytes: readFileSync("/proc/self/maps"), read: readMaps });
  seeds.push({
    kind: "growing perf map",
    bytes: Buffer.from("7f00 40 JS:*f /a.js:1:2\n".repeat(200)),
    read: growPerfMap,
  });
  const library = compile(LIBRARY);
  if (library !== undefined) seeds.push({ kind: "ELF with variables", bytes: library, read: readVariables });
  return seeds;
}

function v8Heap(): SymbolSeed {
  const heap = new V8HeapImage();
  const joined = heap.object(StringType.cons, { 16: heap.text("joined") });
  const scope = heap.scope(2, [heap.text("a"), heap.text("b"), 0, 0, joined]);
  const script = heap.script(heap.text("/app/ö.js", StringType.twoByte));
  const functions = [heap.shared(heap.text("plain"), script), heap.shared(scope, script)];
  return {
    kind: "V8 heap",
    bytes: heap.bytes,
    read: async (bytes) => {
      for (const pointer of functions) {
        const found = await functionOf(bytes, pointer);
        assert.ok((found?.name.length ?? 0) <= NAME_LIMIT && (found?.fileName?.length ?? 0) <= NAME_LIMIT);
      }
    },
  };
}

function javaMethods(): SymbolSeed {
  const jvm = new JvmImage();
  const entries = [0, jvm.symbol("total"), jvm.symbol("Cart.java")];
  const method = jvm.method("shop/Cart", entries, 1, 2);
  const words = [method, jvm.blob("nmethod", method), jvm.blob("StubRoutines (1)")];
  return {
    kind: "Java methods",
    bytes: jvm.bytes,
    read: async (bytes) => {
      for (const word of words) {
        const line = await jvmLineOf(bytes, word);
        assert.ok((line?.functionName.length ?? 0) <= 2 * NAME_LIMIT && (line?.fileName?.length ?? 0) <= NAME_LIMIT);
      }
    },
  };
}

/** A code object at 0, its strings and its table of lines behind it. */
function cpythonCode(version: string, layout: CpythonLayout): SymbolSeed {
  const base = 0x10_0000;
  const bytes = Buffer.alloc(4096);
  const places = { [layout.code.qualifiedName]: 1024, [layout.code.fileName]: 2048, [layout.code.lineTable]: 3072 };
  for (const [field, at] of Object.entries(places)) bytes.writeBigUInt64LE(BigInt(base + at), Number(field));
  bytes.writeInt32LE(7, layout.code.firstLine);
  for (const [at, text] of [
    [1024, "Cart.total"],
    [2048, "/app/cart.py"],
  ] as const) {
    bytes.writeBigUInt64LE(BigInt(text.length), at + 16);
    bytes[at + 32] = (1 << 2) | (1 << 5) | (1 << 6);
    bytes.write(text, at + layout.asciiData, "latin1");
  }
  const lines = [0xd8, 0x04, 0x02, 0xf0, 0x0a, 0x03, 0x80, 0xe8];
  bytes.writeBigUInt64LE(BigInt(lines.length), 3072 + 16);
  bytes.set(lines, 3072 + 32);
  return {
    kind: `code of CPython ${version}`,
    bytes,
    read: async (damaged, random) => {
      const code = await readCode(memoryOf(damaged, base), layout, base);
      if (code === undefined) return;
      assert.ok(code.name.length <= NAME_LIMIT && (code.fileName?.length ?? 0) <= NAME_LIMIT);
      for (let i = 0; i < 20; i++) {
        const line = lineAt(code.lineTable, code.firstLine, Math.floor(random() * 2 ** (4 * (i % 8))));
        assert.ok(Number.isSafeInteger(line));
      }
    },
  };
}

function processContext(): SymbolSeed {
  const base = 0x1000;
  const field = (number: number, bytes: Uint8Array) => Buffer.from([(number << 3) | 2, bytes.length, ...bytes]);
  const text = (value: string) => field(1, Buffer.from(value));
  const pair = (key: string, value: Uint8Array) => Buffer.concat([text(key), field(2, value)]);
  const keys = Buffer.concat(["http.route", "user.id"].map((key) => field(1, text(key))));
  const resource = Buffer.concat([
    field(1, pair("service.name", text("shop"))),
    field(1, pair("n", Buffer.from([0x18, 42]))),
  ]);
  const payload = Buffer.concat([field(1, resource), field(2, pair("threadlocal.attribute_key_map", field(5, keys)))]);
  const header = Buffer.alloc(32);
  header.write("OTEL_CTX", "latin1");
  header.writeUInt32LE(2, 8);
  header.writeUInt32LE(payload.length, 12);
  header.writeBigUInt64LE(77n, 16);
  header.writeBigUInt64LE(BigInt(base + 32), 24);
  return {
    kind: "process context",
    bytes: Buffer.concat([header, payload]),
    read: async (bytes) => {
      const context = await readProcessContext(base, memoryOf(bytes, base).memory, undefined);
      for (const [key, value] of context?.resource ?? []) {
        assert.ok(key.length > 0 && key.length <= NAME_LIMIT && String(value).length <= NAME_LIMIT);
      }
      assert.ok((context?.threadKeys.length ?? 0) <= 256);
    },
  };
}

function threadAttributes(): SymbolSeed {
  return {
    kind: "thread context",
    bytes: Buffer.from("\0\u0006/carts\u0001\u0002me\u0007\u0001?", "latin1"),
    read: (bytes) => {
      const found = readThreadAttributes(bytes);
      assert.ok(nameThreadAttributes(found, ["http.route", "user.id"]).length <= 2);
    },
  };
}

/** Rows that BPF searches have to be in order, whatever they were made of. */
async function unwindImage(bytes: Uint8Array, random: () => number): Promise<void> {
  const image = await readImage(sourceOf(bytes));
  const rows = await image?.compile(ROW_LIMIT);
  const view = rows === undefined ? undefined : viewOf(rows.bytes);
  assert.ok((rows?.count ?? 0) <= ROW_LIMIT);
  for (let i = 1; i < (rows?.count ?? 0); i++) {
    const [before, after] = [i - 1, i].map((row) => view!.getUint32(row * ROW_BYTES + ROW.address, true));
    assert.ok(before! < after!, `row ${i}`);
  }
  if (image !== undefined)
    biasOf(image.layout, { start: 0x7f00_0000_0000, fileOffset: Math.floor(random() * 2 ** 20) });
}

function readMaps(bytes: Uint8Array): void {
  const mappings = parseMappings(Buffer.from(bytes).toString("utf8"));
  contextMappings(mappings);
  assert.ok(mappings.every(({ start, end }) => Number.isFinite(start) && Number.isFinite(end)));
}

/** A file that grows, shrinks and is another one between two looks. */
async function growPerfMap(bytes: Uint8Array, random: () => number): Promise<void> {
  let nowMs = 0;
  let sizeBytes = 0;
  const file = new PerfMapFile({
    open: async () =>
      random() < 0.1 ? { refused: "none" } : { file: String(random() < 0.1), sizeBytes, identity: "" },
    read: async (_file, offset, lengthBytes) => bytes.subarray(offset, offset + Math.floor(random() * lengthBytes)),
    nowMs: () => nowMs,
  });
  for (let i = 0; i < 8; i++) {
    nowMs += 10_000;
    sizeBytes = Math.floor(random() * bytes.length * 2);
    await file.refresh();
    file.find(0x7f20);
  }
}

/** A thread context's variable, and constants of V8's. */
const LIBRARY = `__thread void *otel_thread_ctx_v1; int other(void) { return otel_thread_ctx_v1 != 0; }
int v8dbg_off_fp_function = -16, v8dbg_off_fp_context_or_frame_type = -8, v8dbg_class_JSFunction__shared__X = 24;`;

async function readVariables(bytes: Uint8Array, random: () => number): Promise<void> {
  const elf = await readElf(sourceOf(bytes));
  if (elf === undefined) return;
  await readV8Constants(elf);
  const variable = await findContextVariable(elf);
  if (variable === undefined) return;
  const memory = async (_address: number, lengthBytes: number) =>
    Uint8Array.from({ length: Math.floor(random() * 1.5 * lengthBytes) }, () => Math.floor(random() * 256));
  const place = await placeOf({ variable, loadBias: 0x7f00_0000_0000 }, memory, random() < 0.5);
  assert.ok(place === undefined || Number.isSafeInteger(place.offset));
}

function sourceOf(bytes: Uint8Array) {
  return { read: async (offset: number, lengthBytes: number) => bytes.subarray(offset, offset + lengthBytes) };
}

function compile(source: string): Uint8Array | undefined {
  const folder = mkdtempSync(join(tmpdir(), "sockspan-fuzz-"));
  try {
    writeFileSync(join(folder, "a.c"), source);
    execFileSync("gcc", ["-shared", "-fPIC", "-s", "-o", "a.so", "a.c"], { cwd: folder, stdio: "ignore" });
    return readFileSync(join(folder, "a.so"));
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
