/**
 * Erlang's BEAM: its processes run on whichever scheduler thread is free, and which one runs is not read here. So a thread
 * says nothing of what belongs together, and neither does a turn: schedulers read and write for all processes.
 */
import type { ProcessView } from "./process-view.ts";
import type { UnitFinding } from "./unit-plan.ts";

const NAME = /\/beam(?:\.smp)?$/;

/** @returns undefined when the executable is not the BEAM */
export async function findBeam(process: ProcessView): Promise<UnitFinding | undefined> {
  if (!NAME.test(process.executable)) return undefined;
  return { runtime: "erlang", off: "its processes wander between threads, and are not read", wanders: true };
}
