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
/** Names that are no further apart are read at once. */
const NEAR_BYTES = 65_536;

/**
 * @param earlier of this process: the first look only finds that there is a HotSpot, since the rest takes long
 * @returns undefined when the process runs no HotSpot
 */
export async function findJvm(process: ProcessView, earlier?: UnitFinding): Promise<UnitFinding | undefined> {
  const image = await findImage(process, /^libjvm\.so$/);
  if (image === undefined) return undefined;
  if (earlier?.runtime !== RUNTIME) return threadsOnly("its description of itself is still to be read");
  const offset = await fieldOffset(process, image, "JavaThread", "_monitor_owner_id");
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
  const count = Math.floor(entries.length / stride);
  const textOf = await textsAt(
    process,
    Array.from({ length: count }, (_, index) => u64(view, index * stride + typeAt)),
  );
  for (let at = 0; at + stride <= entries.length; at += stride) {
    const typePointer = u64(view, at + typeAt);
    if (typePointer === 0) return undefined;
    if (textOf(typePointer) !== typeName) continue;
    if ((await textAt(process, u64(view, at + fieldAt))) === fieldName) return u64(view, at + offsetAt);
  }
  return undefined;
}

/** Names lie close together in the library: they are read by stretches, not one by one. */
async function textsAt(
  process: ProcessView,
  addresses: readonly number[],
): Promise<(address: number) => string | undefined> {
  const end = addresses.indexOf(0);
  const sorted = [...new Set(end < 0 ? addresses : addresses.slice(0, end))].sort((left, right) => left - right);
  const stretches: { start: number; bytes: Uint8Array }[] = [];
  for (let first = 0; first < sorted.length; ) {
    let last = first;
    while (last + 1 < sorted.length && sorted[last + 1]! - sorted[last]! < NEAR_BYTES) last++;
    const start = sorted[first]!;
    stretches.push({ start, bytes: await process.memory(start, sorted[last]! - start + NAME_LIMIT_BYTES) });
    first = last + 1;
  }
  return (address) => {
    const stretch = stretches.find(({ start, bytes }) => address >= start && address - start < bytes.length);
    return stretch === undefined ? undefined : cString(stretch.bytes, address - stretch.start);
  };
}
