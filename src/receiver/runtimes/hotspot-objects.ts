/**
 * Where things lie in a HotSpot that tell which thread has made an object, and which object a call is made for
 * (struct java_layout in bpf/control.h): all by the VM's description of itself, and by the fields of the classes that are
 * loaded by now.
 */
import type { HotspotClass, MemoryBlocks } from "./hotspot-classes.ts";
import type { Mounts } from "./hotspot-mounts.ts";
import type { JavaPlan } from "./unit-plan.ts";
import type { VmStructs } from "./vm-structs.ts";

export const OBJECT_TYPES: readonly string[] = [
  "Thread",
  "JavaThread",
  "JavaFrameAnchor",
  "ThreadLocalAllocBuffer",
  "CollectedHeap",
  "MemRegion",
  "Universe",
  "CompressedOops",
  "CompressedKlassPointers",
  "oopDesc",
];

const FUTURE_TASK = "java/util/concurrent/FutureTask";
const FUTURE = "java/util/concurrent/CompletableFuture";
const ASYNC_SUPPLY = `${FUTURE}$AsyncSupply`;
const ASYNC_RUN = `${FUTURE}$AsyncRun`;
/** From what writes for HttpClient to the request: each with the field that leads to the next. */
const EXCHANGE = [
  ["jdk/internal/net/http/SocketTube$InternalWriteSubscriber", "subscription"],
  ["jdk/internal/net/http/SocketTube$InternalWriteSubscriber$WriteSubscription", "upstreamSubscription"],
  ["jdk/internal/net/http/Http1Exchange$Http1Publisher$Http1WriteSubscription", "this$1"],
  ["jdk/internal/net/http/Http1Exchange$Http1Publisher", "this$0"],
  ["jdk/internal/net/http/Http1Exchange", "request"],
] as const;

export const OBJECT_CLASSES: ReadonlySet<string> = new Set([
  FUTURE_TASK,
  FUTURE,
  ASYNC_SUPPLY,
  ASYNC_RUN,
  ...EXCHANGE.map(([name]) => name),
]);

const WORD_BYTES = 8;
/** Where fields lie as long as the class is not loaded: so in all versions with compressed references; what is found there proves it. */
const USUAL = {
  runner: 24,
  asyncFuture: 20,
  asyncFunction: 24,
  result: 12,
  futureSize: 24,
  exchangeFields: [16, 16, 12, 40, 24],
};

/**
 * @param classes that are loaded
 * @param tlsBlock of libjvm.so in a thread's table of them, and `currentThread` in there
 * @param mounts undefined: which virtual threads are mounted is not seen
 * @returns undefined: the VM does not describe all that is needed
 */
export async function objectLayout(
  memory: MemoryBlocks,
  structs: VmStructs,
  classes: ReadonlyMap<string, HotspotClass>,
  tlsBlock: number,
  currentThread: number,
  mounts?: Mounts,
): Promise<JavaPlan | undefined> {
  const { offsets, addresses } = structs;
  const universe = addresses.get("Universe::_collectedHeap");
  const oops = staticOf(structs, "CompressedOops", "_narrow_oop.");
  const klasses = staticOf(structs, "CompressedKlassPointers", "_narrow_klass.");
  const needed = [
    "CollectedHeap::_total_collections",
    "CollectedHeap::_reserved",
    "MemRegion::_start",
    "MemRegion::_word_size",
    "Thread::_tlab",
    "ThreadLocalAllocBuffer::_start",
    "ThreadLocalAllocBuffer::_top",
    "ThreadLocalAllocBuffer::_end",
    "JavaThread::_threadObj",
    "JavaThread::_anchor",
    "JavaFrameAnchor::_last_Java_sp",
    "JavaThread::_stack_base",
  ].map((name) => offsets.get(name));
  if (universe === undefined || oops === undefined || klasses === undefined) return undefined;
  if (!needed.every((offset): offset is number => offset !== undefined)) return undefined;
  const [collections, reserved, start, words, buffer, bufferStart, bufferTop, bufferEnd, ...ofThread] = needed;
  const heap = await memory.pointer(universe);
  if (heap === 0) return undefined;
  const [threadObject, anchor, lastSp, stackBase] = ofThread;
  const collects = offsets.get("CollectedHeap::_is_stw_gc_active") ?? offsets.get("CollectedHeap::_is_gc_active");
  return {
    heap: await memory.pointer(heap + reserved! + start!),
    heapLength: (await memory.pointer(heap + reserved! + words!)) * 8,
    oopBase: await memory.pointer(oops.base),
    oopShift: await memory.u32(oops.shift),
    klassBase: await memory.pointer(klasses.base),
    klassShift: await memory.u32(klasses.shift),
    collections: heap + collections!,
    collects: collects === undefined ? 0 : heap + collects,
    tlsBlock,
    currentThread,
    klass: offsets.get("oopDesc::_metadata._compressed_klass") ?? offsets.get("oopDesc::_compressed_klass") ?? 8,
    threadObject: threadObject!,
    mountedObject: offsets.get("JavaThread::_vthread") ?? 0,
    bufferStart: buffer! + bufferStart!,
    bufferTop: buffer! + bufferTop!,
    bufferEnd: buffer! + bufferEnd!,
    lastSp: anchor! + lastSp!,
    stackBase: stackBase!,
    continuationEntry: mounts?.continuationEntry ?? 0,
    continuation: mounts?.continuation ?? 0,
    ...nameLayout(structs),
    ...classLayout(classes),
  };
}

function nameLayout({ offsets }: VmStructs): Pick<JavaPlan, "className" | "symbolBody" | "baseClass"> {
  const [name, length, body] = ["Klass::_name", "Symbol::_length", "Symbol::_body"].map((field) => offsets.get(field));
  if (name === undefined || body === undefined || length !== body - 2)
    return { className: 0, symbolBody: 0, baseClass: 0 };
  const supers = offsets.get("Klass::_primary_supers[0]");
  return { className: name, symbolBody: body, baseClass: supers === undefined ? 0 : supers + WORD_BYTES };
}

type ClassLayout = Pick<
  JavaPlan,
  | "futureTasks"
  | "runner"
  | "asyncSupply"
  | "asyncRun"
  | "asyncFuture"
  | "asyncFunction"
  | "completableFuture"
  | "result"
  | "futureSize"
  | "exchangeClasses"
  | "exchangeFields"
>;

function classLayout(classes: ReadonlyMap<string, HotspotClass>): ClassLayout {
  const [task, future, supply, run] = [FUTURE_TASK, FUTURE, ASYNC_SUPPLY, ASYNC_RUN].map((name) => classes.get(name));
  const job = supply ?? run;
  return {
    futureTasks: [task?.address ?? 0],
    runner: task?.fields.get("runner") ?? USUAL.runner,
    asyncSupply: supply?.address ?? 0,
    asyncRun: run?.address ?? 0,
    asyncFuture: job?.fields.get("dep") ?? USUAL.asyncFuture,
    asyncFunction: job?.fields.get("fn") ?? USUAL.asyncFunction,
    completableFuture: future?.address ?? 0,
    result: future?.fields.get("result") ?? USUAL.result,
    futureSize: future?.sizeBytes ?? USUAL.futureSize,
    exchangeClasses: EXCHANGE.map(([name]) => classes.get(name)?.address ?? 0),
    exchangeFields: EXCHANGE.map(
      ([name, field], hop) => classes.get(name)?.fields.get(field) ?? USUAL.exchangeFields[hop]!,
    ),
  };
}

/** Base and shift of compressed references, which were fields of a struct once. */
function staticOf({ addresses }: VmStructs, type: string, earlier: string) {
  const base = addresses.get(`${type}::_base`) ?? addresses.get(`${type}::${earlier}_base`);
  const shift = addresses.get(`${type}::_shift`) ?? addresses.get(`${type}::${earlier}_shift`);
  return base === undefined || shift === undefined ? undefined : { base, shift };
}

/** No further class is to be found. */
export function isWhole({ futureTasks, asyncSupply, asyncRun, exchangeClasses }: JavaPlan): boolean {
  return ![...futureTasks, asyncSupply, asyncRun, ...exchangeClasses].includes(0);
}
