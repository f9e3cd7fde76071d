/**
 * Libraries for CPython whose units of work are no tasks of asyncio, but run under contexts of their own: Trio's tasks,
 * Twisted's coroutines. Their makers show when the context is copied, which nobody else sees, and when it is freed another
 * one may take its place (bpf/unit/python.bpf.h).
 *
 * Twisted's loop sends later what its coroutines write, who ask epoll for that; and all else that it does, for whomever,
 * is done in one context, which therefore is no unit (bpf/unit/put_off.bpf.h).
 */
import { u64, viewOf } from "../elf/elf-file.ts";
import { CPYTHON_LAYOUTS } from "../interpreters/cpython-layout.ts";
import { placeAt } from "./code-place.ts";
import { addressOf, findImage, type Image } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import type { PythonObjects } from "./python-objects.ts";
import type { PythonPlan, UprobePlan } from "./unit-plan.ts";

const TRIO = "trio._core._run";
/** Loaded when the loop is there. */
const TWISTED = "twisted.internet.reactor";
const LIBC = /^libc\.so\.6$/;
/** Of _typeobject. */
const TYPE_DEALLOC = 48;
const NO_HOP = -1;
/** SITE_HOPS (bpf/control.h) */
const MAX_HOPS = 5;

export interface ContextPlan {
  readonly uprobes: readonly UprobePlan[];
  readonly layout: Pick<PythonPlan, "siteHops" | "putsOff">;
}

export const NO_CONTEXTS: ContextPlan = {
  uprobes: [],
  layout: { siteHops: Array.from({ length: MAX_HOPS }, () => NO_HOP), putsOff: 0 },
};

/**
 * @param modules address of sys.modules
 * @returns undefined where no such library is loaded (yet), or the interpreter does not export what is needed
 */
export async function findContexts(
  process: ProcessView,
  image: Image,
  version: string,
  objects: PythonObjects,
  modules: number,
): Promise<ContextPlan | undefined> {
  const [trio = 0, twisted = 0] = await objects.valuesIn(modules, [TRIO, TWISTED]);
  if (trio === 0 && twisted === 0) return undefined;
  const type = await addressOf(image, "PyContext_Type");
  const copy = await addressOf(image, "PyContext_CopyCurrent");
  const bytes = type === undefined ? new Uint8Array() : await process.memory(type + TYPE_DEALLOC, 8);
  const copied = copy === undefined ? undefined : await placeAt(process, copy);
  const freed = bytes.length < 8 ? undefined : await placeAt(process, u64(viewOf(bytes), 0));
  if (copied === undefined || freed === undefined) return undefined;
  const uprobes: UprobePlan[] = [
    { program: "python_context_copied", ...copied },
    { program: "python_context_freed", ...freed },
  ];
  if (twisted !== 0) {
    const libc = await findImage(process, LIBC);
    const asked = libc && (await addressOf(libc, "epoll_ctl"));
    const place = asked === undefined ? undefined : await placeAt(process, asked);
    if (place !== undefined) uprobes.push({ program: "python_room_asked", ...place });
  }
  return { uprobes, layout: { siteHops: siteHops(version), putsOff: twisted === 0 ? 0 : 1 } };
}

/** From a thread state to the code of the caller of the library's function whose own function copies the context. */
function siteHops(version: string): readonly number[] {
  const frames = CPYTHON_LAYOUTS.get(version)?.frames;
  if (frames === undefined) return NO_CONTEXTS.layout.siteHops;
  const { tstateFrame, cframeFrame, framePrevious, frameCode } = frames;
  const toFrame = cframeFrame === 0xffff ? [tstateFrame] : [tstateFrame, cframeFrame];
  const hops = [...toFrame, framePrevious, framePrevious, frameCode];
  return [...hops, NO_HOP].slice(0, MAX_HOPS);
}
