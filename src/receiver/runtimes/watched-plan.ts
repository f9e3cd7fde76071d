/** A plan with what is watched of its process for as long as its calls need it. */
import { UnitKind } from "../../bpf/layout.gen.ts";
import type { Watched } from "../../mapping/join/watch.ts";
import type { UnitPlan } from "./unit-plan.ts";

export function withWatched(plan: UnitPlan, watched: ReadonlySet<Watched>): UnitPlan {
  if (watched.has("handovers") && plan.handovers) return { ...plan, uprobes: plan.handovers };
  // Units that are no threads are woken by their runtime.
  return watched.has("wakes") && plan.unitKind === UnitKind.none ? { wakes: "all", ...plan } : plan;
}
