/**
 * HotSpot 24+: the unit is the mounted virtual thread, `JavaThread::_monitor_owner_id` (the Thread.threadId(), never
 * used again). The field's offset is in the VM's own description of itself, gHotSpotVMStructs (vmStructs.hpp).
 * Platform threads need no unit: the kernel's thread is the unit.
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import { scanSymbols } from "../elf/symbols.ts";
import { findImage } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import { libraryTlsSteps } from "./tls.ts";
import type { UnitFinding } from "./unit-plan.ts";
import { readVmStructs } from "./vm-structs.ts";

const RUNTIME = "jvm";
const CURRENT_THREAD = "_ZN6Thread12_thr_currentE";

/**
 * @param earlier of this process: the first look only finds that there is a HotSpot, since the rest takes long
 * @returns undefined when the process runs no HotSpot
 */
export async function findJvm(process: ProcessView, earlier?: UnitFinding): Promise<UnitFinding | undefined> {
  const image = await findImage(process, /^libjvm\.so$/);
  if (image === undefined) return undefined;
  if (earlier?.runtime !== RUNTIME) return threadsOnly("its description of itself is still to be read");
  const structs = await readVmStructs(process, image, new Set(["JavaThread"]));
  const offset = structs?.offsets.get("JavaThread::_monitor_owner_id");
  if (offset === undefined)
    return threadsOnly("no JavaThread::_monitor_owner_id (before JDK 24): threads are the units");
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
    steps: [...steps, { step: "load", operand: offset }, { step: "load", operand: 0 }, { step: "to_unit" }],
    wakes: "all",
    isFinal: true,
  };
}

/** HttpClient, executors and futures hand requests from thread to thread: which wakes which is all that there is. */
function threadsOnly(off: string): UnitFinding {
  return { runtime: RUNTIME, version: "", unitKind: UnitKind.none, steps: [], wakes: "all", off, isFinal: false };
}
