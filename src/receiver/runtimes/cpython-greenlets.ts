/**
 * Greenlets of CPython (gevent, eventlet): the one that runs on a thread, and who has made it.
 *
 * greenlet 2.0 and later keeps its state of each thread in a thread-local variable: {main greenlet, running greenlet, ..}
 * (src/greenlet/TThreadState.hpp). Its place is found, and proved, on a thread that has such a state. Nothing that can be
 * read cheaply leads from a greenlet to its maker, so a uprobe sees it made (bpf/unit/python.bpf.h): gevent's by the tp_init of
 * its own type, whose first argument is what it runs, others by that of greenlet's.
 */
import { tlsSegment, u64, viewOf } from "../elf/elf-file.ts";
import type { CodePlace } from "./code-place.ts";
import { NO_CONTEXTS } from "./cpython-contexts.ts";
import type { Offsets } from "./cpython-layout.ts";
import { findTypeFunction, type WantedFunction } from "./cpython-types.ts";
import { addressOf, findImage, type Image } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import { libraryTlsSteps } from "./tls.ts";
import type { PythonPlan, UnitStep, UprobePlan } from "./unit-plan.ts";

export const GREENLET = /^_greenlet\S*\.so/;
export const GEVENT = /^_gevent_c\S*\.so/;
const GEVENT_INIT: WantedFunction = { type: "gevent._gevent_cgreenlet.Greenlet", module: "_gevent_cgreenlet" };
const GREENLET_INIT: WantedFunction = { type: "greenlet.greenlet", module: "_greenlet" };
/** PyThreadState.next */
const NEXT_THREAD = 8;
const OBJECT_TYPE = 8;
const MAX_THREADS = 16;
const MAX_TLS_BYTES = 256;

interface Greenlets {
  readonly steps: readonly UnitStep[];
  readonly uprobes: readonly UprobePlan[];
  readonly python: PythonPlan;
  /** false: a library that is loaded may not be ready yet. */
  readonly isWhole: boolean;
}

/**
 * @param interpreter address of the PyInterpreterState
 * @returns undefined where no thread has run a greenlet yet, or greenlet is older
 */
export async function findGreenlets(
  process: ProcessView,
  image: Image,
  interpreter: number,
  offsets: Offsets,
): Promise<Greenlets | undefined> {
  const library = await findImage(process, GREENLET);
  const type = library && (await addressOf(library, "PyGreenlet_Type"));
  if (library === undefined || type === undefined) return undefined;
  const steps = await stepsToState(process, library, type, await threadPointers(process, interpreter, offsets));
  if (steps === undefined) return undefined;
  const hasGevent = (await findImage(process, GEVENT)) !== undefined;
  const made = await findTypeFunction(process, image, hasGevent ? GEVENT_INIT : GREENLET_INIT);
  return {
    steps: [...steps, { step: "greenlet", operand: type }],
    uprobes: made === undefined ? [] : [uprobeAt(made)],
    python: {
      workItemType: 0,
      functionType: (await addressOf(image, "PyFunction_Type")) ?? 0,
      taskContext: offsets.taskContext,
      coroutineName: offsets.coroutineName,
      functionHops: [],
      ...NO_CONTEXTS.layout,
      clients: [],
    },
    isWhole: made !== undefined,
  };
}

function uprobeAt(place: CodePlace): UprobePlan {
  return { program: "python_greenlet", ...place };
}

/** The steps to greenlet's state of the thread, as they hold on one of these threads. */
async function stepsToState(
  process: ProcessView,
  library: Image,
  type: number,
  threads: readonly number[],
): Promise<readonly UnitStep[] | undefined> {
  const sizeBytes = Math.min(tlsSegment(library.elf)?.memorySizeBytes ?? 0, MAX_TLS_BYTES);
  for (let offset = 0; offset + 8 <= sizeBytes; offset += 8) {
    const toVariable = await libraryTlsSteps(process, library, offset);
    if (toVariable === undefined) return undefined;
    const steps: UnitStep[] = [...toVariable, { step: "load", operand: 0 }];
    for (const thread of threads) {
      const state = await walk(process, thread, steps);
      const isState =
        (await typeOf(process, await pointer(process, state))) === type &&
        (await typeOf(process, await pointer(process, state + 8))) !== 0;
      if (state !== 0 && isState) return steps;
    }
  }
  return undefined;
}

/** Of the threads that Python knows: pthread_self, which glibc makes the thread pointer. */
async function threadPointers(process: ProcessView, interpreter: number, offsets: Offsets): Promise<readonly number[]> {
  const found: number[] = [];
  let thread = await pointer(process, interpreter + offsets.threads);
  while (thread !== 0 && found.length < MAX_THREADS) {
    found.push(await pointer(process, thread + offsets.threadId));
    thread = await pointer(process, thread + NEXT_THREAD);
  }
  return found;
}

/** As the BPF program will. @returns 0 where a read fails */
async function walk(process: ProcessView, threadPointer: number, steps: readonly UnitStep[]): Promise<number> {
  let value = 0;
  for (const step of steps) {
    if (step.step === "thread_pointer") value = threadPointer + step.operand;
    else if (step.step === "load") {
      value = await pointer(process, value);
      if (value === 0) return 0;
      value += step.operand;
    }
  }
  return value;
}

async function typeOf(process: ProcessView, object: number): Promise<number> {
  return object === 0 ? 0 : pointer(process, object + OBJECT_TYPE);
}

async function pointer(process: ProcessView, address: number): Promise<number> {
  if (address <= 0 || !Number.isSafeInteger(address)) return 0;
  const bytes = await process.memory(address, 8);
  return bytes.length === 8 ? u64(viewOf(bytes), 0) : 0;
}
