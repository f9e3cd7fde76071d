/** Steps of a plan as bpf/control.h numbers them. */
import { UnitStepKind } from "../../bpf/layout.gen.ts";
import type { UnitStep } from "./unit-plan.ts";

const KINDS: Readonly<Record<UnitStep["step"], UnitStepKind>> = {
  thread_pointer: UnitStepKind.threadPointer,
  register_g: UnitStepKind.registerG,
  absolute: UnitStepKind.absolute,
  load: UnitStepKind.load,
  add: UnitStepKind.add,
  follow: UnitStepKind.follow,
  go_caller: UnitStepKind.goCaller,
  nginx_connection: UnitStepKind.nginxConnection,
  main_thread: UnitStepKind.mainThread,
  to_phase: UnitStepKind.toPhase,
  node_ids: UnitStepKind.nodeIds,
  to_coroutine: UnitStepKind.toCoroutine,
  to_unit: UnitStepKind.toUnit,
  to_turn: UnitStepKind.toTurn,
};

export function numberedSteps(steps: readonly UnitStep[]): { kind: UnitStepKind; operand: number }[] {
  return steps.map((step) => ({ kind: KINDS[step.step], operand: "operand" in step ? step.operand : 0 }));
}
