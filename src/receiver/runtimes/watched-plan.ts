/** A plan with what is watched of its process for as long as its calls need it. */
import { UnitKind } from "../../bpf/layout.gen.ts";
import type { Watched } from "../../mapping/join/watch/watch.ts";
import { isPlan, type UnitFinding, type UnitPlan } from "./unit-plan.ts";

export function withWatched(plan: UnitPlan, watched: ReadonlySet<Watched>): UnitPlan {
  const { go, java, streams, handlers, handovers } = plan;
  const isHandedOver = watched.has(go === undefined && java === undefined ? "handovers" : "jobs");
  if (streams !== undefined || handlers !== undefined || handovers !== undefined) {
    const uprobes = [
      ...(watched.has("streams") ? (streams ?? []) : []),
      ...(watched.has("handlers") ? (handlers ?? []) : []),
      ...(isHandedOver ? (handovers ?? []) : []),
    ];
    return { ...plan, uprobes };
  }
  // Units that are no threads are woken by their runtime.
  return watched.has("wakes") && plan.unitKind === UnitKind.none ? { wakes: "all", ...plan } : plan;
}

/**
 * What is told of a process that was there already, and may be serving: its listen(2) was not seen. It ends soon where its
 * calls do not need it (watch-trial.ts, first-watch.ts).
 */
export function watchedFromStart(finding: UnitFinding): readonly Watched[] {
  const go = isPlan(finding) ? finding.go : undefined;
  if (isPlan(finding) && finding.unitKind === UnitKind.nodeAsync) return ["handovers"];
  return go !== undefined && (go.serveStartPc !== 0 || go.grpcStartPc !== 0) ? ["jobs"] : [];
}
