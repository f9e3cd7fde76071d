/** What the address of a flame graph asks for. What makes no sense is left out. */
import { spanKindNamed } from "./flame-data.ts";
import type { SampleFilter } from "./profile-store.ts";

export function readFilter(parameters: URLSearchParams, nowMs: number): SampleFilter {
  const get = (name: string) => parameters.get(name) || undefined;
  const pid = Number(get("pid") ?? Number.NaN);
  const since = Number(get("since") ?? Number.NaN);
  return {
    type: get("type") === "off_cpu" ? "off_cpu" : "cpu",
    service: get("service"),
    pid: Number.isSafeInteger(pid) ? pid : undefined,
    traceId: get("trace"),
    spanId: get("span"),
    spanName: get("name"),
    spanKind: spanKindNamed(get("kind")),
    sinceMs: since > 0 ? nowMs - since * 1000 : undefined,
  };
}
