/**
 * Where uprobes see the async functions of Node wait and go on (bpf/unit/node.bpf.h): V8's builtins for `await`, which are code of
 * the executable, and the end of a collection, which has moved what they wait with. Official builds have the symbols. What the
 * programs read of V8's objects is looked for in that very code, so another layout is not taken for this one.
 */

import type { UprobeProgram } from "../../ipc/messages.ts";
import { ElfMachine, fileOffsetOf, u64, viewOf } from "../elf/elf-file.ts";
import { type ElfSymbol, scanSymbols } from "../elf/symbols.ts";
import { ByBuildId } from "./by-build-id.ts";
import { codeOf, type Image } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import type { UprobePlan } from "./unit-plan.ts";

/** A function, the program that sees it, and what its code must have in it. */
interface Seen {
  readonly program: UprobeProgram;
  readonly isThere: (code: Uint8Array) => boolean;
}

/** mov 0x1f(%rsi), %rdx: the generator, of the context; movl or movq $0, 0x37(%rdx) follows. */
const RESUMES: Seen = { program: "node_resume", isThere: (code) => has(code, [0x48, 0x8b, 0x56, 0x1f]) };
/** mov 0x4f(%rax), %r9: the promise, of the generator. */
const AWAITS: Seen = { program: "node_await", isThere: (code) => has(code, [0x4c, 0x8b, 0x48, 0x4f]) };
/** mov 0x4f(%rax), %r8; mov 0x1f(%r8), %r8: the first request, of the generator, and its promise. */
const GENERATOR_AWAITS: Seen = {
  program: "node_gen_await",
  isThere: (code) => has(code, [0x4c, 0x8b, 0x40, 0x4f]) && has(code, [0x4d, 0x8b, 0x40, 0x1f]),
};
const isAny = (code: Uint8Array) => code.length > 0;
const COLLECTS: Seen = { program: "node_collect", isThere: isAny };

/** The array is on the stack; the code is long, and told by nothing short. */
const AWAITS_ALL: Seen = { program: "node_await_all", isThere: isAny };
/** The context leads to a promise that is known, or to nothing. */
const ELEMENT: Seen = { program: "node_all_element", isThere: isAny };
/** Nothing is read of it. */
const DRAINS: Seen = { program: "node_drain", isThere: isAny };

const FUNCTIONS: ReadonlyMap<string, Seen> = new Map([
  ["Builtins_AsyncFunctionAwait", AWAITS],
  ["Builtins_AsyncFunctionAwaitCaught", AWAITS],
  ["Builtins_AsyncFunctionAwaitUncaught", AWAITS],
  ["Builtins_PromiseAll", AWAITS_ALL],
  ["Builtins_PromiseAllSettled", AWAITS_ALL],
  ["Builtins_AsyncFunctionAwaitResolveClosure", RESUMES],
  ["Builtins_AsyncFunctionAwaitRejectClosure", RESUMES],
  ["Builtins_AsyncGeneratorAwait", GENERATOR_AWAITS],
  ["Builtins_AsyncGeneratorAwaitCaught", GENERATOR_AWAITS],
  ["Builtins_AsyncGeneratorAwaitUncaught", GENERATOR_AWAITS],
  ["Builtins_PromiseAllResolveElementClosure", ELEMENT],
  ["Builtins_PromiseAllSettledResolveElementClosure", ELEMENT],
  ["Builtins_PromiseAllSettledRejectElementClosure", ELEMENT],
  ["Builtins_RunMicrotasks", DRAINS],
  ["_ZN2v88internal4Heap36GarbageCollectionEpilogueInSafepointENS0_16GarbageCollectorE", COLLECTS],
]);
const NEEDED = [AWAITS, AWAITS_ALL, RESUMES, DRAINS, COLLECTS];
const UNKNOWN_FORM = "the code of V8's builtins is of an unknown form";
/** Looked for where what awaits them is seen. */
const GENERATOR_RESUMES: ReadonlySet<string> = new Set([
  "Builtins_AsyncGeneratorAwaitResolveClosure",
  "Builtins_AsyncGeneratorAwaitRejectClosure",
]);
const QUEUE_TABLE = "_ZTVN2v88internal14MicrotaskQueueE";
const QUEUE_RUNS = "_ZNK2v88internal14MicrotaskQueue19IsRunningMicrotasksEv";
/** movzbl 0x4c(%rdi), %eax; ret: what lies before it in the object is where it was, too. */
const QUEUE_RUNS_CODE = [0x0f, 0xb6, 0x47, 0x4c, 0xc3];
const WORDS = [
  "AsyncFunctionAwait",
  "AsyncGeneratorAwait",
  "PromiseAll",
  "Builtins_RunMicrotasks",
  "GarbageCollectionEpilogueInSafepoint",
  "MicrotaskQueue",
];

/** In which they are attached: collections first, so that what waits is followed from the beginning. */
const ORDER: readonly UprobeProgram[] = [
  "node_collect",
  "node_drain",
  "node_resume",
  "node_await_all",
  "node_all_element",
  "node_gen_await",
  "node_await",
];

const CODE_BYTES = 160;
const HEAP_BYTES = 8 << 20;
const QUEUE_BYTES = 80;
/** Of a vtable: what comes before the first function (Itanium C++ ABI, 2.5.2). */
const TABLE_HEAD_BYTES = 16;

interface Place {
  readonly program: UprobeProgram;
  readonly address: number;
}

/** Addresses of the file. */
interface AwaitCode {
  readonly places: readonly Place[];
  readonly queueTable: number;
}

export interface AsyncFunctions {
  readonly uprobes: readonly UprobePlan[];
  /** Address of the main thread's queue of microtasks. */
  readonly microtasks: number;
}

const awaitCodes = new ByBuildId<AwaitCode | string>(readAwaitCode);

/**
 * @param microtasks where the queue was found before
 * @returns a text: why they are not seen
 */
export async function findAsyncFunctions(
  process: ProcessView,
  image: Image,
  microtasks?: number,
): Promise<AsyncFunctions | string> {
  const code = await awaitCodes.of(image);
  if (typeof code === "string") return code;
  const uprobes = await uprobesAt(process, image, code);
  if (uprobes === undefined) return "the code of V8's builtins is not mapped as a whole";
  const queue = microtasks ?? (await findQueue(process, image.loadBias + code.queueTable + TABLE_HEAD_BYTES));
  return queue === undefined ? "the queue of microtasks was not found" : { uprobes, microtasks: queue };
}

/** The symbols of a file of this size are read ahead, once: long before the process is busy, if it has just begun. */
export async function readAhead(image: Image): Promise<void> {
  await awaitCodes.of(image);
}

async function readAwaitCode(image: Image): Promise<AwaitCode | string> {
  if (image.elf.machine !== ElfMachine.x86_64) return "not x86-64";
  const isWanted = (name: Buffer) => {
    const text = name.toString("latin1");
    return FUNCTIONS.has(text) || GENERATOR_RESUMES.has(text) || text === QUEUE_TABLE || text === QUEUE_RUNS;
  };
  const symbols = await scanSymbols(image.elf, ".symtab", WORDS, isWanted);
  const table = symbols.find(({ name }) => name === QUEUE_TABLE);
  const runs = symbols.find(({ name }) => name === QUEUE_RUNS);
  if (table === undefined || runs === undefined) return "V8's builtins have no symbols";
  const places: Place[] = [];
  for (const symbol of symbols) {
    const seen = FUNCTIONS.get(symbol.name);
    if (seen === undefined) continue;
    if (await isThere(image, symbol, seen)) places.push({ program: seen.program, address: symbol.value });
    else if (NEEDED.includes(seen)) return UNKNOWN_FORM;
  }
  const countOf = ({ program }: Seen) => places.filter((place) => place.program === program).length;
  const isWhole = NEEDED.every((seen) => countOf(seen) > 0) && countOf(RESUMES) === 2;
  if (!isWhole || !has(await codeOf(image, runs, CODE_BYTES), QUEUE_RUNS_CODE)) return UNKNOWN_FORM;
  const ends = countOf(GENERATOR_AWAITS) > 0 ? await generatorEnds(image, symbols) : undefined;
  return {
    places: ends ? [...places, ...ends] : places.filter(({ program }) => program !== GENERATOR_AWAITS.program),
    queueTable: table.value,
  };
}

/** Where async generators go on; undefined: one is of an unknown form. */
async function generatorEnds(image: Image, symbols: readonly ElfSymbol[]): Promise<readonly Place[] | undefined> {
  const ends = symbols.filter(({ name }) => GENERATOR_RESUMES.has(name));
  const areThere = await Promise.all(ends.map((symbol) => isThere(image, symbol, RESUMES)));
  if (ends.length !== 2 || areThere.includes(false)) return undefined;
  return ends.map(({ value }) => ({ program: RESUMES.program, address: value }));
}

async function isThere(image: Image, symbol: ElfSymbol, seen: Seen): Promise<boolean> {
  return seen.isThere(await codeOf(image, symbol, CODE_BYTES));
}

async function uprobesAt(
  process: ProcessView,
  { elf, path, loadBias }: Image,
  { places }: AwaitCode,
): Promise<readonly UprobePlan[] | undefined> {
  const mappings = (await process.mappings()).filter((mapping) => mapping.isExecutable && mapping.path === path);
  const probes = ORDER.flatMap((program) =>
    places
      .filter((place) => place.program === program)
      .map(({ address }) => {
        const at = address + loadBias;
        const mapping = mappings.find(({ start, end }) => at >= start && at < end);
        const offset = fileOffsetOf(elf, address);
        return mapping && offset !== undefined
          ? { program, start: mapping.start, end: mapping.end, offset }
          : undefined;
      }),
  );
  const found = probes.filter((probe) => probe !== undefined);
  return found.length === probes.length ? found : undefined;
}

/** The one object of this class in the first megabytes of the heap, where it is made when the process starts. */
async function findQueue(process: ProcessView, table: number): Promise<number | undefined> {
  const heap = (await process.mappings()).find(({ path }) => path === "[heap]");
  if (heap === undefined) return undefined;
  const bytes = await process.memory(heap.start, Math.min(HEAP_BYTES, heap.end - heap.start));
  const view = viewOf(bytes);
  const found: number[] = [];
  for (let at = 0; at + QUEUE_BYTES <= bytes.length; at += 8)
    if (u64(view, at) === table && isQueue(view, at)) found.push(heap.start + at);
  return found.length === 1 ? found[0] : undefined;
}

/** {table, size, capacity, start, ring buffer, finished, ..., is running}: src/execution/microtask-queue.h */
function isQueue(view: DataView, at: number): boolean {
  const [size, capacity, start] = [u64(view, at + 8), u64(view, at + 16), u64(view, at + 24)];
  const isRing =
    capacity === 0 ? size === 0 : size <= capacity && start < capacity && Number.isInteger(Math.log2(capacity));
  return isRing && view.getUint8(at + 0x4c) <= 1;
}

function has(code: Uint8Array, wanted: readonly number[]): boolean {
  return Buffer.from(code.buffer, code.byteOffset, code.byteLength).includes(Buffer.from(wanted));
}
