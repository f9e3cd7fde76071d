/**
 * HotSpot: the unit is the mounted virtual thread by its Thread.threadId(), never used again. From JDK 24 on the VM keeps it
 * in `JavaThread::_monitor_owner_id`; from 21 on it is a field of the mounted Thread object. All offsets are in the VM's own
 * description of itself, gHotSpotVMStructs (vmStructs.hpp), and in what it keeps of the classes that it has loaded.
 * Platform threads need no unit: the kernel's thread is the unit. Which thread has made the job that another one runs is told
 * by where the job lies (hotspot-objects.ts).
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import { scanSymbols } from "../elf/symbols.ts";
import { CLASS_TYPES, LoadedClasses, MemoryBlocks } from "./hotspot-classes.ts";
import { FLAG_TYPES, whyNoObjects } from "./hotspot-flags.ts";
import { findMounts, MOUNT_SYMBOLS, type Mounts } from "./hotspot-mounts.ts";
import { isWhole, OBJECT_CLASSES, OBJECT_TYPES, objectLayout } from "./hotspot-objects.ts";
import { findImage } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import { libraryTlsSteps } from "./tls.ts";
import { isPlan, type UnitFinding, type UnitPlan, type UnitStep } from "./unit-plan.ts";
import { readVmStructs, type VmStructs } from "./vm-structs.ts";

const RUNTIME = "jvm";
const CURRENT_THREAD = "_ZN6Thread12_thr_currentE";
const THREAD = "java/lang/Thread";

/**
 * @param earlier of this process: the first look only finds that there is a HotSpot, since the rest takes long
 * @returns undefined when the process runs no HotSpot
 */
export async function findJvm(process: ProcessView, earlier?: UnitFinding): Promise<UnitFinding | undefined> {
  const image = await findImage(process, /^libjvm\.so$/);
  if (image === undefined) return undefined;
  if (earlier !== undefined && isPlan(earlier) && earlier.java !== undefined)
    return earlier.lookAgain === undefined ? earlier : earlier.lookAgain();
  if (earlier?.runtime !== RUNTIME) return threadsOnly("its description of itself is still to be read");
  const structs = await readVmStructs(process, image, new Set([...CLASS_TYPES, ...FLAG_TYPES, ...OBJECT_TYPES]));
  if (structs === undefined) return threadsOnly("it does not describe itself: threads are the units");
  const wanted = [CURRENT_THREAD, ...MOUNT_SYMBOLS];
  const symbols = await scanSymbols(image.elf, ".symtab", wanted, (name) => wanted.includes(name.toString("latin1")));
  const current = symbols.find(({ name }) => name === CURRENT_THREAD);
  if (current === undefined) return threadsOnly("Thread::_thr_current has no symbol: libjvm.so is stripped");
  const steps = await libraryTlsSteps(process, image, current.value);
  if (steps === undefined) return threadsOnly("the thread-local block of libjvm.so was not found");
  const memory = new MemoryBlocks(process);
  const noObjects = await whyNoObjects(memory, structs).catch(() => "it has not started yet");
  const classes = new LoadedClasses(structs, new Set([...OBJECT_CLASSES, THREAD]));
  const unit = await virtualThreadSteps(process, structs, noObjects === undefined ? classes : undefined);
  const canTell = unit !== undefined && noObjects === undefined;
  const mounts = canTell ? await findMounts(process, image, symbols) : undefined;
  const found: UnitPlan = {
    runtime: RUNTIME,
    version: "",
    unitKind: unit === undefined ? UnitKind.none : UnitKind.jvmVirtualThread,
    steps: unit === undefined ? [] : [...steps, ...unit],
    wakes: "all",
    ...(unit === undefined && { off: "no virtual threads: threads are the units" }),
    ...(mounts && { handovers: mounts.uprobes }),
    isFinal: false,
  };
  if (noObjects !== undefined) return { ...found, limit: `who has made a job is not read: ${noObjects}` };
  // Classes take longest, and the programs know the first ones by name.
  return withObjects(process, { structs, classes, tls: steps, mounts }, found, false);
}

/** What does not change while the process lives. */
interface Vm {
  readonly structs: VmStructs;
  readonly classes: LoadedClasses;
  readonly tls: readonly UnitStep[];
  readonly mounts: Mounts | undefined;
}

/** The classes that are loaded by now; those that come later are found when threads show that were not there. */
async function withObjects(process: ProcessView, vm: Vm, found: UnitPlan, areLookedAt = true): Promise<UnitPlan> {
  const { structs, classes, tls, mounts } = vm;
  const [, block, current] = tls as readonly { readonly operand: number }[];
  if (areLookedAt) await classes.look(process);
  const memory = new MemoryBlocks(process);
  const java = await objectLayout(memory, structs, classes.found, block!.operand, current!.operand, mounts);
  const plan: UnitPlan = { ...found, ...(java && { java }) };
  if (java !== undefined && isWhole(java)) return { ...plan, isFinal: true };
  return { ...plan, lookAgain: () => withObjects(process.again(), vm, plan) };
}

/**
 * From the address of the thread-local variable that names the current JavaThread.
 *
 * @param classes undefined: objects can't be read
 */
async function virtualThreadSteps(
  process: ProcessView,
  structs: VmStructs,
  classes: LoadedClasses | undefined,
): Promise<readonly UnitStep[] | undefined> {
  const owner = structs.offsets.get("JavaThread::_monitor_owner_id");
  if (owner !== undefined) return [{ step: "load", operand: owner }, { step: "load", operand: 0 }, { step: "to_unit" }];
  const mounted = structs.offsets.get("JavaThread::_vthread");
  if (mounted === undefined || classes === undefined) return undefined;
  await classes.look(process);
  const id = classes.found.get(THREAD)?.fields.get("tid");
  if (id === undefined) return undefined;
  // The JavaThread has a handle of the Thread object, which has its id.
  return [
    { step: "load", operand: mounted },
    { step: "load", operand: 0 },
    { step: "load", operand: id },
    { step: "load", operand: 0 },
    { step: "to_unit" },
  ];
}

/** HttpClient, executors and futures hand requests from thread to thread: which wakes which is all that there is. */
function threadsOnly(off: string): UnitFinding {
  return { runtime: RUNTIME, version: "", unitKind: UnitKind.none, steps: [], wakes: "all", off, isFinal: false };
}
