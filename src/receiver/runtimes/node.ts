/**
 * Node: requests share one thread and promises have no identity that could be read, so the unit is the callback of the
 * event loop: between two reads of the thread (which the kernel counts) one callback runs with all that follows from
 * it, while the loop polls (libuv.ts says where that shows). The ids of asynchronous resources are read beside, and uprobes
 * see for which of these callbacks async functions go on, where calls need it.
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import { findImage, type Image } from "./images.ts";
import { findLoop } from "./libuv.ts";
import { type AsyncFunctions, findAsyncFunctions, readAhead } from "./node-async-functions.ts";
import { findAsyncIds } from "./node-async-ids.ts";
import type { ProcessView } from "./process-view.ts";
import { isPlan, type UnitFinding, type UnitPlan, type UnitStep } from "./unit-plan.ts";

const RUNTIME = "node";
const NAME = /^node(?:js)?[\d.-]*$/;
const ATTEMPTS = 4;
const LIBRARY = /^lib(?:uv|node)\.so/;

/**
 * @param earlier of this process: where its ids are is not searched for again, and what two looks agree on is so
 * @returns undefined when the process runs neither Node nor libuv
 */
export async function findNode(process: ProcessView, earlier?: UnitFinding): Promise<UnitFinding | undefined> {
  const baseName = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  const isNode = NAME.test(baseName(process.executable));
  if (!isNode && !(await process.mappings()).some(({ path }) => LIBRARY.test(baseName(path)))) return undefined;
  const runtime = isNode ? RUNTIME : "libuv";
  // Nobody waits for it.
  if (isNode)
    imageOf(process)
      .then((image) => image && readAhead(image))
      .catch(() => undefined);
  const loop = await findLoop(process);
  if (typeof loop === "string") return { runtime, off: loop };
  const known: Found = earlier === undefined ? {} : { ids: operandOf(earlier, "node_ids") };
  if (earlier !== undefined && isNode) {
    const microtasks = operandOf(earlier, "node_microtasks");
    if (microtasks !== undefined) known.functions = await searchAsyncFunctions(process, microtasks);
  }
  const plan = (steps: readonly UnitStep[]): UnitPlan => ({
    runtime,
    version: "",
    unitKind: UnitKind.nodeAsync,
    steps: [{ step: "main_thread" }, ...steps],
    isFinal: false,
  });
  const phase: readonly UnitStep[] = [
    { step: "load", operand: 0 },
    { step: "to_phase", operand: loop.poll },
  ];
  const withFound = ({ ids, functions }: Found): UnitPlan => {
    const isSeen = typeof functions === "object";
    const steps: readonly UnitStep[] = [
      { step: "absolute", operand: loop.slot },
      ...phase,
      ...(ids === undefined ? [] : [{ step: "node_ids", operand: ids } as const]),
      ...(isSeen ? [{ step: "node_microtasks", operand: functions.microtasks } as const] : []),
    ];
    return {
      ...plan(steps),
      ...(isSeen && { handovers: functions.uprobes }),
      ...(typeof functions === "string" && { limit: `for whom its async functions go on is not seen: ${functions}` }),
    };
  };
  const own = withFound(known);
  // Before the loop runs another one may, in spawnSync: a second look sees it where it stays.
  const isFinal =
    loop.isRunning &&
    known.ids !== undefined &&
    earlier !== undefined &&
    JSON.stringify(own.steps) === stepsText(earlier);
  const searches = isNode && loop.isRunning && known.ids === undefined;
  const found: UnitPlan = {
    ...own,
    isFinal,
    ...(searches && {
      refineLater: async () =>
        withFound({ ids: await searchAsyncIds(process), functions: await searchAsyncFunctions(process) }),
    }),
  };
  if (loop.distanceBytes === undefined) return found;
  return { ...found, forAll: plan([{ step: "initial_stack", operand: -loop.distanceBytes }, ...phase]) };
}

/** What a look at the memory has brought. */
interface Found {
  readonly ids?: number | undefined;
  functions?: AsyncFunctions | string;
}

/** Of the file that has V8 in it. */
async function imageOf(process: ProcessView): Promise<Image | undefined> {
  return (await findImage(process, /^libnode\.so/)) ?? (await findImage(process, "executable"));
}

async function searchAsyncFunctions(process: ProcessView, microtasks?: number): Promise<AsyncFunctions | string> {
  const image = await imageOf(process);
  return image === undefined ? "the executable can't be read" : findAsyncFunctions(process, image, microtasks);
}

/** A process that is busy may change its ids while they are read. */
async function searchAsyncIds(process: ProcessView): Promise<number | undefined> {
  let found: number | undefined;
  for (let attempt = 0; found === undefined && attempt < ATTEMPTS; attempt++) found = await findAsyncIds(process);
  return found;
}

function operandOf(finding: UnitFinding, wanted: "node_ids" | "node_microtasks"): number | undefined {
  const step = isPlan(finding) ? finding.steps.find(({ step }) => step === wanted) : undefined;
  return step !== undefined && "operand" in step ? step.operand : undefined;
}

function stepsText(finding: UnitFinding): string {
  return isPlan(finding) ? JSON.stringify(finding.steps) : "";
}
