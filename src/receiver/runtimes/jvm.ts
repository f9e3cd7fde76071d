/**
 * HotSpot 24+: the unit is the mounted virtual thread, `JavaThread::_monitor_owner_id` (the Thread.threadId(), never
 * used again). The field's offset is in the VM's own description of itself, gHotSpotVMStructs (vmStructs.hpp).
 * Platform threads need no unit: the kernel's thread is the unit.
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import { cString, u64, viewOf } from "../elf/elf-file.ts";
import { scanSymbols } from "../elf/symbols.ts";
import { addressOf, findImage, type Image } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import { libraryTlsSteps } from "./tls.ts";
import type { UnitFinding } from "./unit-plan.ts";

const RUNTIME = "jvm";
const CURRENT_THREAD = "_ZN6Thread12_thr_currentE";
const MAX_ENTRIES = 8192;
const NAME_LIMIT_BYTES = 64;

/** @returns undefined when the process runs no HotSpot */
export async function findJvm(process: ProcessView): Promise<UnitFinding | undefined> {
  const image = await findImage(process, /^libjvm\.so$/);
  if (image === undefined) return undefined;
  const offset = await fieldOffset(process, image, "JavaThread", "_monitor_owner_id");
  if (offset === undefined)
    return threadsOnly("no JavaThread::_monitor_owner_id (before JDK 24): threads are the units");
  const [current] = await scanSymbols(image.elf, ".symtab", (name) => name.equals(Buffer.from(CURRENT_THREAD)));
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

async function numberAt(process: ProcessView, address: number | undefined): Promise<number | undefined> {
  if (address === undefined) return undefined;
  const bytes = await process.memory(address, 8);
  return bytes.length === 8 ? u64(viewOf(bytes), 0) : undefined;
}

async function textAt(process: ProcessView, address: number): Promise<string> {
  return address === 0 ? "" : cString(await process.memory(address, NAME_LIMIT_BYTES), 0);
}

/** Walks the VMStructEntry array; its own stride and field offsets are exported beside it. */
async function fieldOffset(
  process: ProcessView,
  image: Image,
  typeName: string,
  fieldName: string,
): Promise<number | undefined> {
  const exported = async (name: string) => numberAt(process, await addressOf(image, name));
  const table = await exported("gHotSpotVMStructs");
  const stride = await exported("gHotSpotVMStructEntryArrayStride");
  const typeAt = await exported("gHotSpotVMStructEntryTypeNameOffset");
  const fieldAt = await exported("gHotSpotVMStructEntryFieldNameOffset");
  const offsetAt = await exported("gHotSpotVMStructEntryOffsetOffset");
  if (
    table === undefined ||
    stride === undefined ||
    typeAt === undefined ||
    fieldAt === undefined ||
    offsetAt === undefined
  )
    return undefined;
  if (stride < 24 || stride > 256) return undefined;
  const entries = await process.memory(table, stride * MAX_ENTRIES);
  const view = viewOf(entries);
  const types = new Map<number, boolean>();
  for (let at = 0; at + stride <= entries.length; at += stride) {
    const typePointer = u64(view, at + typeAt);
    if (typePointer === 0) return undefined;
    if (!types.has(typePointer)) types.set(typePointer, (await textAt(process, typePointer)) === typeName);
    if (types.get(typePointer) !== true) continue;
    if ((await textAt(process, u64(view, at + fieldAt))) === fieldName) return u64(view, at + offsetAt);
  }
  return undefined;
}
