/**
 * CPython 3.9 to 3.13: the unit is the asyncio task, seen as the context that the thread state points to, or with
 * gevent and its like the greenlet (cpython-greenlets.ts; of an old greenlet, 3.11 and later, the root of its data stack).
 *
 * The thread state stays in the GILState key (pthread TSD) while the interpreter lock is dropped for a system call
 * (Python/pystate.c, _PyGILState_NoteThreadState), so the way is: thread pointer -> key -> thread state -> context.
 * The offsets are fixed within a minor version; the plan is checked on the live process before it is used.
 */
import { type PoolSite, UnitKind } from "../../bpf/layout.gen.ts";
import { u64, viewOf } from "../elf/elf-file.ts";
import { findSymbol } from "../elf/symbols.ts";
import { findClients } from "./cpython-clients.ts";
import { findContexts } from "./cpython-contexts.ts";
import { findGreenletPut } from "./cpython-greenlet-jobs.ts";
import { findGreenlets, GEVENT, GREENLET } from "./cpython-greenlets.ts";
import { FRAME_LAYOUTS, OFFSETS, type Offsets } from "./cpython-layout.ts";
import { PythonMakers } from "./cpython-makers.ts";
import { PythonPools } from "./cpython-pools.ts";
import { addressOf, findImage, type Image } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import { PythonObjects } from "./python-objects.ts";
import { isPlan, type LockRange, type UnitFinding, type UnitPlan, type UnitStep } from "./unit-plan.ts";

const RUNTIME = "cpython";
/** glibc 2.34+ x86-64: struct pthread.specific_1stblock, {seq, data} of 16 bytes for each key below 32. */
const FIRST_KEY_OFFSET = 0x310;
const MAX_KEY = 32;

/** PyThreadState.interp, behind the links to its neighbours. */
const THREAD_INTERPRETER = 16;
/** PID_MAX_LIMIT (include/linux/threads.h) */
const MAX_THREAD_ID = 1 << 22;

const LIBRARY = /^libpython(3\.\d+)\S*\.so/;
const EXECUTABLE = /^python(3\.\d+)\S*$/;
const ASYNCIO = /^_asyncio\S*\.so/;
/** Loaded by whoever makes greenlets with it. */
const EVENTLET = "eventlet.greenthread";

/**
 * @param earlier of this process: what it had found is kept
 * @returns undefined when the process does not run CPython
 */
export async function findCpython(process: ProcessView, earlier?: UnitFinding): Promise<UnitFinding | undefined> {
  const image = await interpreterOf(process);
  if (image === undefined) return undefined;
  const version = await versionOf(process, image);
  const offsets = version === undefined ? undefined : OFFSETS.get(version);
  if (version === undefined || offsets === undefined)
    return { runtime: RUNTIME, off: `CPython ${version ?? "of unknown version"}: its layout is not known` };
  const symbol = await findSymbol(image.elf, "_PyRuntime");
  if (symbol === undefined) return { runtime: RUNTIME, off: "_PyRuntime is not exported" };
  const runtimeAddress = image.loadBias + symbol.value;
  // Each read takes its time on a busy host, and the first request may come at any moment.
  const [key, interpreter, threads] = await Promise.all([
    readKey(process, runtimeAddress + offsets.autoTssKey),
    pointerAt(process, runtimeAddress + offsets.interpreters),
    process.threads(),
  ]);
  if (key === undefined)
    return { runtime: RUNTIME, off: "the GILState key is not set: not initialised yet, or not glibc", begins: true };
  const doubt = await checkThreads(process, interpreter, offsets);
  if (doubt !== undefined) return { runtime: RUNTIME, off: doubt, begins: true };
  const keyOffset = FIRST_KEY_OFFSET + 16 * key + 8;
  const frames = FRAME_LAYOUTS.get(version);
  const secret = await secretOf(image);
  // Each time anew: code that was seen while modules were loaded is gone, and other code may be in its place.
  const objectsOf = (now: ProcessView) => frames && new PythonObjects(now, frames, secret);
  const modulesOf = async (now: ProcessView) =>
    offsets.modules === undefined ? 0 : pointerAt(now, interpreter + offsets.modules);
  const hasGreenlets = (now: ProcessView) =>
    servesByGreenlets(now, async () => ((await objectsOf(now)?.valueIn(await modulesOf(now), EVENTLET)) ?? 0) !== 0);
  if (await hasGreenlets(process)) {
    const isDone =
      earlier !== undefined && isPlan(earlier) && earlier.unitKind === UnitKind.greenlet && earlier.isFinal;
    return isDone ? earlier : greenletPlan(process, image, version, interpreter, offsets, keyOffset);
  }
  const plan: UnitPlan = {
    runtime: RUNTIME,
    version,
    unitKind: UnitKind.pythonContext,
    steps: [...fieldOf(keyOffset, offsets.context), { step: "to_unit" }, ...turnOf(keyOffset, offsets)],
    isFinal: false,
  };
  const makers = new PythonMakers(process, image, offsets, frames !== undefined, async (now, { contexts, clients }) => {
    const modules = await modulesOf(now);
    const objects = objectsOf(now);
    if (objects === undefined || frames === undefined || modules === 0) return { contexts, clients };
    return {
      contexts: contexts ?? (await findContexts(now, image, version, objects, modules)),
      clients: clients.length > 0 ? clients : await findClients(objects, frames, modules),
    };
  });
  if (frames === undefined) {
    const refine = async () => {
      await makers.find();
      return { ...plan, ...makers.watched(undefined), ...limitOf(makers) };
    };
    return { ...plan, refine };
  }
  if (earlier !== undefined && isPlan(earlier) && earlier.runtime === RUNTIME && earlier.lookAgain !== undefined)
    return earlier.lookAgain();
  const pools = new PythonPools(process, interpreter, offsets, frames, secret);
  const lock = { address: runtimeAddress, lengthBytes: symbol.sizeBytes };
  // What has one thread has no pool: its first request is not to wait for the search for one.
  return planWithPools(makers, pools, plan, { keyOffset, lock, hasGreenlets }, threads.length === 1);
}

/** Of a process, and of those that it has forked. */
interface Facts {
  readonly keyOffset: number;
  readonly lock: LockRange;
  readonly hasGreenlets: (process: ProcessView) => Promise<boolean>;
}

/**
 * The pools' loops are seen when their threads are: the plan is made anew when new threads show.
 *
 * @param isAlone there is one thread
 */
async function planWithPools(
  makers: PythonMakers,
  finder: PythonPools,
  plan: UnitPlan,
  facts: Facts,
  isAlone = false,
): Promise<UnitPlan> {
  const { keyOffset, lock } = facts;
  let knownPools = 0;
  const look = async (): Promise<UnitPlan> => {
    await makers.findTask();
    const pools = await finder.look();
    // What is only for uprobes is looked for when the pools are told: requests that come meanwhile are to have their units.
    const isTold = pools.length > 0 && pools.length === knownPools;
    knownPools = pools.length;
    if (isTold && finder.hasWorkItems) {
      await finder.findWorkItems();
      await makers.findPut();
    }
    return planOf(pools);
  };
  const planOf = (pools: readonly PoolSite[]): UnitPlan => ({
    ...plan,
    ...makers.watched(finder.workItems),
    ...limitOf(makers),
    ...(pools.length > 0 && {
      pools,
      steps: [...plan.steps, ...poolSteps(keyOffset, makers.offsets)],
      // Who waits for a job that no task awaits shows when it is woken. The interpreter's lock is in _PyRuntime.
      ...(finder.hasThreads && pools.some(({ hopCount }) => hopCount === 0) && { wakes: lock }),
      isIncomplete:
        finder.isIncomplete || (finder.hasThreads && finder.hasWorkItems && !(finder.workItems && makers.hasPut)),
    }),
    lookAgain: look,
    forFork,
    ...(!(makers.hasAll && finder.isPrepared) && { refine }),
  });
  const forFork = async (process: ProcessView) => {
    // It, or its parent since the last look, has loaded what changes the unit.
    if (await facts.hasGreenlets(process)) return undefined;
    const image = await interpreterOf(process);
    return image && planWithPools(makers.forFork(process, image), finder.forFork(process), plan, facts);
  };
  const refine = async () => {
    await makers.find();
    await finder.prepare(makers.hasPut);
    return look();
  };
  if (!isAlone) return look();
  await makers.findTask();
  return planOf([]);
}

function limitOf({ limit }: PythonMakers): Pick<UnitPlan, "limit"> {
  return limit === undefined ? {} : { limit };
}

/** A thread of a pool has its job as its unit, whatever the steps before have found: the last steps. */
function poolSteps(keyOffset: number, offsets: Offsets): readonly UnitStep[] {
  return [
    { step: "thread_pointer", operand: keyOffset },
    { step: "load", operand: offsets.dataStack! },
    { step: "load", operand: 0 },
    { step: "follow", operand: 0 },
    { step: "pool_job" },
  ];
}

function fieldOf(keyOffset: number, offset: number): readonly UnitStep[] {
  return [
    { step: "thread_pointer", operand: keyOffset },
    { step: "load", operand: offset },
    { step: "load", operand: 0 },
  ];
}

function turnOf(keyOffset: number, { contextVersion }: Offsets): readonly UnitStep[] {
  return [...fieldOf(keyOffset, contextVersion), { step: "to_turn" }];
}

async function greenletPlan(
  process: ProcessView,
  image: Image,
  version: string,
  interpreter: number,
  offsets: Offsets,
  keyOffset: number,
): Promise<UnitPlan> {
  const greenlets = await findGreenlets(process, image, interpreter, offsets);
  const turn = turnOf(keyOffset, offsets);
  const base = { runtime: RUNTIME, version };
  if (greenlets !== undefined) {
    const { steps, uprobes, python, isWhole } = greenlets;
    const plan = {
      ...base,
      unitKind: UnitKind.greenlet,
      steps: [...turn, ...steps],
      uprobes,
      python,
      isFinal: isWhole,
    };
    return greenletsWithJobs(process, image, plan, interpreter, offsets, keyOffset);
  }
  if (offsets.dataStack === undefined) {
    const limit = "greenlets are not told apart: greenlet is older than 2.0, or none has run yet";
    const steps: UnitStep[] = [...fieldOf(keyOffset, offsets.context), { step: "to_unit" }, ...turn];
    return { ...base, unitKind: UnitKind.pythonContext, steps, limit, isFinal: false };
  }
  const toRoot: UnitStep[] = [
    ...fieldOf(keyOffset, offsets.dataStack),
    { step: "follow", operand: 0 },
    { step: "to_unit" },
  ];
  const limit = "who makes its greenlets is not seen: greenlet is older than 2.0, or none has run yet";
  return { ...base, unitKind: UnitKind.greenlet, steps: [...toRoot, ...turn], limit, isFinal: false };
}

/** With the jobs of ThreadPoolExecutor, whose threads are greenlets: their stacks begin as those of threads do. */
function greenletsWithJobs(
  process: ProcessView,
  image: Image,
  plan: UnitPlan & Required<Pick<UnitPlan, "uprobes" | "python">>,
  interpreter: number,
  offsets: Offsets,
  keyOffset: number,
): UnitPlan {
  const layout = FRAME_LAYOUTS.get(plan.version);
  const { uprobes, python, ...bare } = plan;
  const known: UnitPlan = uprobes.length > 0 ? plan : bare;
  if (layout === undefined || offsets.modules === undefined) return { ...known, forFork: async () => known };
  const refine = async (): Promise<UnitPlan> => {
    const pools = new PythonPools(process, interpreter, offsets, layout, await secretOf(image));
    await pools.prepare(true);
    const modules = await pointerAt(process, interpreter + offsets.modules!);
    const put = pools.workItems && (await findGreenletPut(process.again(), image, layout, modules));
    // Whose jobs are not told from one another must not be taken for those who have made the pool's threads.
    if (pools.hasWorkItems && !pools.isPrepared) return { ...bare, isFinal: false, forFork };
    // What the program serves with may be loaded later: it is looked for again.
    if (pools.workItems === undefined || put === undefined) return { ...known, isFinal: false, forFork };
    const { type: workItemType, functionHops } = pools.workItems;
    const whole: UnitPlan = {
      ...plan,
      steps: [...plan.steps, ...poolSteps(keyOffset, offsets)],
      pools: pools.sites,
      uprobes: [...uprobes, put],
      python: { ...python, workItemType, functionHops },
    };
    return { ...whole, forFork: async () => whole };
  };
  const forFork = async (fork: ProcessView) => greenletsWithJobs(fork, image, plan, interpreter, offsets, keyOffset);
  return { ...known, refine, forFork, isFinal: false };
}

async function secretOf(image: Image): Promise<number> {
  return (await addressOf(image, "_Py_HashSecret")) ?? 0;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** SQLAlchemy loads greenlet too, for its own ends, in programs of asyncio, which eventlet, being Python alone, loads in its turn. */
async function servesByGreenlets(process: ProcessView, hasEventlet: () => Promise<boolean>): Promise<boolean> {
  const loaded = (await process.mappings()).map(({ path }) => baseName(path));
  const has = (library: RegExp) => loaded.some((name) => library.test(name));
  return has(GREENLET) && (has(GEVENT) || !has(ASYNCIO) || (await hasEventlet()));
}

async function interpreterOf(process: ProcessView): Promise<Image | undefined> {
  const library = await findImage(process, LIBRARY);
  if (library !== undefined) return library;
  return EXECUTABLE.test(baseName(process.executable)) ? findImage(process, "executable") : undefined;
}

/** For whoever reads the interpreter's frames: the pthread key of the thread state, by which version's layout. */
export async function findThreadStateKey(
  process: ProcessView,
): Promise<{ readonly version: string; readonly key: number } | undefined> {
  const image = await interpreterOf(process);
  const version = image === undefined ? undefined : await versionOf(process, image);
  const offsets = version === undefined ? undefined : OFFSETS.get(version);
  if (image === undefined || version === undefined || offsets === undefined) return undefined;
  const runtimeAddress = await addressOf(image, "_PyRuntime");
  if (runtimeAddress === undefined) return undefined;
  const key = await readKey(process, runtimeAddress + offsets.autoTssKey);
  const interpreter = await pointerAt(process, runtimeAddress + offsets.interpreters);
  const doubt = await checkThreads(process, interpreter, offsets);
  return key === undefined || doubt !== undefined ? undefined : { version, key };
}

/** Py_Version (3.11+) is a constant in the image; before, the file's name tells. */
async function versionOf(process: ProcessView, image: Image): Promise<string | undefined> {
  const address = await addressOf(image, "Py_Version");
  const bytes = address === undefined ? new Uint8Array() : await process.memory(address, 4);
  if (bytes.length === 4) {
    const hex = viewOf(bytes).getUint32(0, true);
    return `${hex >>> 24}.${(hex >>> 16) & 0xff}`;
  }
  return (LIBRARY.exec(baseName(image.path)) ?? EXECUTABLE.exec(baseName(image.path)))?.[1];
}

async function readKey(process: ProcessView, address: number): Promise<number | undefined> {
  const bytes = await process.memory(address, 8);
  if (bytes.length < 8) return undefined;
  const view = viewOf(bytes);
  const isInitialised = view.getInt32(0, true) === 1;
  const key = view.getUint32(4, true);
  return isInitialised && key < MAX_KEY ? key : undefined;
}

async function pointerAt(process: ProcessView, address: number): Promise<number> {
  const bytes = await process.memory(address, 8);
  return bytes.length === 8 ? u64(viewOf(bytes), 0) : 0;
}

/** The first thread state names its interpreter and a thread: the table fits this build. */
async function checkThreads(process: ProcessView, interpreter: number, offsets: Offsets): Promise<string | undefined> {
  const thread = interpreter === 0 ? 0 : await pointerAt(process, interpreter + offsets.threads);
  if (thread === 0) return "no thread state found: not initialised yet, or another layout";
  const [owner, nativeId] = await Promise.all([
    pointerAt(process, thread + THREAD_INTERPRETER),
    offsets.nativeThreadId === undefined ? 0 : pointerAt(process, thread + offsets.nativeThreadId),
  ]);
  if (owner !== interpreter) return "the thread state does not name its interpreter: another layout";
  if (offsets.nativeThreadId === undefined) return undefined;
  // As its own pid namespace knows it, which in a container is not ours.
  const isId = nativeId > 0 && nativeId <= MAX_THREAD_ID;
  return isId ? undefined : `native_thread_id ${nativeId} is no thread's: another layout`;
}
