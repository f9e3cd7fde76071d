/**
 * Node: requests share one thread and promises have no identity that could be read, so the unit is the callback of the
 * event loop: between two reads of the thread (which the kernel counts) one callback runs with all that follows from
 * it, while the loop polls (libuv.ts says where that shows). The ids of asynchronous resources are read beside.
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import { findLoop } from "./libuv.ts";
import { findAsyncIds } from "./node-async-ids.ts";
import type { ProcessView } from "./process-view.ts";
import type { UnitFinding, UnitPlan, UnitStep } from "./unit-plan.ts";

const RUNTIME = "node";
const NAME = /^node(?:js)?[\d.-]*$/;
const LIBRARY = /^lib(?:uv|node)\.so/;

/** @returns undefined when the process runs neither Node nor libuv */
export async function findNode(process: ProcessView): Promise<UnitFinding | undefined> {
  const baseName = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  const isNode = NAME.test(baseName(process.executable));
  if (!isNode && !(await process.mappings()).some(({ path }) => LIBRARY.test(baseName(path)))) return undefined;
  const runtime = isNode ? RUNTIME : "libuv";
  const loop = await findLoop(process);
  if (typeof loop === "string") return { runtime, off: loop };
  const ids = isNode && loop.isRunning ? await findAsyncIds(process) : undefined;
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
  const own = plan([
    { step: "absolute", operand: loop.slot },
    ...phase,
    ...(ids === undefined ? [] : [{ step: "node_ids", operand: ids } as const]),
  ]);
  if (loop.distanceBytes === undefined) return own;
  return { ...own, forAll: plan([{ step: "initial_stack", operand: -loop.distanceBytes }, ...phase]) };
}
