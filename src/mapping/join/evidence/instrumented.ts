/**
 * Processes whose libraries make spans themselves. Seen from outside when they export them over OTLP, or when they write
 * a context of a trace that they serve with a span id that nobody sent them. What the library tells need not be told
 * twice: `sdk_spans` says what becomes of our own spans of the same exchanges.
 */
import type { ProcessWork } from "../process-work.ts";
import { decide, decideRemote } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";

/** join: no second SERVER span, ours of calls are children of the library's. keep: all. skip: none of either. */
export const SdkSpans = { join: "join", keep: "keep", skip: "skip" } as const;
export type SdkSpans = (typeof SdkSpans)[keyof typeof SdkSpans];

/** Protocols for which every tracing library has spans on both sides. */
const INSTRUMENTED_PROTOCOLS: readonly string[] = ["http1", "http2"];

export function isServerSpanOfLibrary(work: ProcessWork, protocol: string, mode: SdkSpans): boolean {
  return mode !== SdkSpans.keep && work.isInstrumented && INSTRUMENTED_PROTOCOLS.includes(protocol);
}

/** The call carries a context that the process did not receive. @returns whether its own span goes without saying */
function learnFromOwnContext(work: ProcessWork, call: TraceNode, protocol: string, mode: SdkSpans): boolean {
  if (call.carried !== undefined && work.serves(call.carried.traceId)) work.isInstrumented = true;
  return mode === SdkSpans.skip && work.isInstrumented && INSTRUMENTED_PROTOCOLS.includes(protocol);
}

/** A call that carries ids: a request that came with the same ones was passed on; else a library of the process made it. */
export function decideCarried(work: ProcessWork, node: TraceNode, sdkSpans: SdkSpans): boolean {
  if (node.carried === undefined) return false;
  const received = work.openByCarried.get(node.carried.spanId);
  if (received?.carried?.traceId === node.carried.traceId) return decide(node, received, "carried");
  node.isMadeByOthers = learnFromOwnContext(work, node, node.protocol, sdkSpans);
  return decideRemote(node, "carried");
}
