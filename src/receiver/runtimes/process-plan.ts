/** A plan as bpf/control.h has it. */
import { type PoolSite, ProcessFlags, UnitStepKind } from "../../bpf/layout.gen.ts";
import type { WorkerRequest } from "../../ipc/messages.ts";
import type { PythonPlan, UnitPlan, UnitStep } from "./unit-plan.ts";

const KINDS: Readonly<Record<UnitStep["step"], UnitStepKind>> = {
  thread_pointer: UnitStepKind.threadPointer,
  register_g: UnitStepKind.registerG,
  absolute: UnitStepKind.absolute,
  load: UnitStepKind.load,
  add: UnitStepKind.add,
  follow: UnitStepKind.follow,
  go: UnitStepKind.go,
  nginx_connection: UnitStepKind.nginxConnection,
  initial_stack: UnitStepKind.initialStack,
  main_thread: UnitStepKind.mainThread,
  to_phase: UnitStepKind.toPhase,
  node_ids: UnitStepKind.nodeIds,
  pool_job: UnitStepKind.poolJob,
  greenlet: UnitStepKind.greenlet,
  node_microtasks: UnitStepKind.nodeMicrotasks,
  to_coroutine: UnitStepKind.toCoroutine,
  to_unit: UnitStepKind.toUnit,
  to_parent: UnitStepKind.toParent,
  to_turn: UnitStepKind.toTurn,
};

type Steps = Extract<WorkerRequest, { type: "unit_steps" }>;

/**
 * @param hasUprobes those of the plan are attached
 * @param mounts of a JVM: not 0 while uprobes tell which virtual threads are mounted
 */
export function processPlan(
  { unitKind, steps, pools, wakes, go, python, java }: UnitPlan,
  hasUprobes: boolean,
  mounts = 0,
): Omit<Steps, "type" | "tgid"> {
  const lock = wakes === undefined || wakes === "all" ? undefined : wakes;
  return {
    unitKind,
    steps: steps.map((step) => ({ kind: KINDS[step.step], operand: "operand" in step ? step.operand : 0 })),
    pools: (pools ?? []).map(poolSite),
    flags: wakes === undefined ? 0 : ProcessFlags.wakes,
    lockAddress: lock?.address ?? 0,
    lockLength: lock?.lengthBytes ?? 0,
    go,
    java: java && {
      ...java,
      mounts,
      futureTasks: [...java.futureTasks],
      exchangeClasses: [...java.exchangeClasses],
      exchangeFields: [...java.exchangeFields],
    },
    python: python && hasUprobes ? pythonLayout(python) : undefined,
  };
}

function pythonLayout(python: PythonPlan): NonNullable<Steps["python"]> {
  const { functionHops, siteHops, clients } = python;
  return { ...python, functionHops: [...functionHops], siteHops: [...siteHops], clients: clients.map(poolSite) };
}

function poolSite(site: PoolSite): Steps["pools"][number] {
  return { ...site, hops: [...site.hops], name: [...site.name] };
}
