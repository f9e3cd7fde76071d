/**
 * HotSpot: the unit is the mounted virtual thread by its Thread.threadId(), never used again. From JDK 24 on the VM keeps it
 * in `JavaThread::_monitor_owner_id`; from 21 on it is a field of the mounted Thread object. All offsets are in the VM's own
 * description of itself, gHotSpotVMStructs (vmStructs.hpp), and in what it keeps of the classes that it has loaded.
 * Platform threads need no unit: the kernel's thread is the unit.
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import { scanSymbols } from "../elf/symbols.ts";
import { CLASS_TYPES, LoadedClasses, MemoryBlocks } from "./hotspot-classes.ts";
import { FLAG_TYPES, whyNoObjects } from "./hotspot-flags.ts";
import { findImage } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import { libraryTlsSteps } from "./tls.ts";
import type { UnitFinding, UnitStep } from "./unit-plan.ts";
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
  if (earlier?.runtime !== RUNTIME) return threadsOnly("its description of itself is still to be read");
  const structs = await readVmStructs(process, image, new Set(["JavaThread", ...CLASS_TYPES, ...FLAG_TYPES]));
  if (structs === undefined) return threadsOnly("it does not describe itself: threads are the units");
  const unit = await virtualThreadSteps(process, structs);
  if (typeof unit === "string") return threadsOnly(unit);
  const [current] = await scanSymbols(image.elf, ".symtab", [CURRENT_THREAD], (name) =>
    name.equals(Buffer.from(CURRENT_THREAD)),
  );
  if (current === undefined) return threadsOnly("Thread::_thr_current has no symbol: libjvm.so is stripped");
  const steps = await libraryTlsSteps(process, image, current.value);
  if (steps === undefined) return threadsOnly("the thread-local block of libjvm.so was not found");
  return {
    runtime: RUNTIME,
    version: "",
    unitKind: UnitKind.jvmVirtualThread,
    steps: [...steps, ...unit],
    wakes: "all",
    isFinal: true,
  };
}

/** From the address of the thread-local variable that names the current JavaThread. @returns a string: why there are none */
async function virtualThreadSteps(process: ProcessView, structs: VmStructs): Promise<readonly UnitStep[] | string> {
  const owner = structs.offsets.get("JavaThread::_monitor_owner_id");
  if (owner !== undefined) return [{ step: "load", operand: owner }, { step: "load", operand: 0 }, { step: "to_unit" }];
  const mounted = structs.offsets.get("JavaThread::_vthread");
  if (mounted === undefined) return "it has no virtual threads (before JDK 21): threads are the units";
  const classes = new LoadedClasses(structs, new Set([THREAD]));
  const hindered = await whyNoObjects(new MemoryBlocks(process), structs)
    .then(async (why) => {
      if (why === undefined) await classes.look(process);
      return why;
    })
    .catch(() => "it has not started yet");
  if (hindered !== undefined) return `virtual threads before JDK 24 can't be read: ${hindered}`;
  const id = classes.found.get(THREAD)?.fields.get("tid");
  if (id === undefined) return "its class Thread has no tid: threads are the units";
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
