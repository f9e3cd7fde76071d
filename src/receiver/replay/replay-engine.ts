/** A trace engine for each clock of a replay. */
import type { StageAccount } from "../../mapping/account.ts";
import { TraceEngine } from "../../mapping/engine.ts";
import type { Explanation } from "../../mapping/explain/explanation.ts";
import type { DescribeOptions } from "../../mapping/protocols/protocol.ts";
import { type AnyProtocol, PROTOCOLS } from "../../mapping/protocols/registry.ts";
import type { Resource, Span } from "../../mapping/span.ts";
import type { ReplayTarget, Timeline } from "./replay.ts";

export interface ReplayEngineOptions {
  readonly describe: DescribeOptions;
  readonly protocols?: readonly AnyProtocol[];
  readonly tellsUnknownConnections?: boolean;
  readonly settleNs: number;
  spans(spans: readonly Span[]): void;
  explained?(explanation: Explanation): void;
  /** The accounts of an engine that begins. */
  accounts(accounts: readonly StageAccount[]): void;
}

/** Segments may be this long in one hole-free run of a fast link: more than what the live path needs. */
const STREAM_BUFFER_BYTES = 1024 * 1024;

export function openReplayEngine(timeline: Timeline, options: ReplayEngineOptions): ReplayTarget {
  const fallback = new Map<number, Resource>();
  const engine = new TraceEngine(
    {
      clockOffsetNs: timeline.clockOffsetNs,
      resourceOf: (tgid) => timeline.resourceOf(tgid),
      fallbackResource: (tgid, comm) => {
        let resource = fallback.get(tgid);
        if (resource === undefined) {
          resource = { attributes: [["service.name", comm === "" ? "unknown_service" : comm]] };
          fallback.set(tgid, resource);
        }
        return resource;
      },
      protocols: options.protocols ?? PROTOCOLS,
      tellsUnknownConnections: options.tellsUnknownConnections ?? false,
      describe: options.describe,
      settleNs: options.settleNs,
      observer: timeline.isCapture ? "capture" : "host",
      // What is in the file is all there is: nobody exports it anew.
      keepsOtlpExports: true,
      streamBufferBytes: STREAM_BUFFER_BYTES,
      maxConnections: 200_000,
      ...(options.explained === undefined
        ? {}
        : { explained: (explanation: Explanation) => options.explained?.(explanation) }),
    },
    { spans: (spans) => options.spans(spans), verdict: () => {} },
  );
  options.accounts(engine.accounts);
  return engine;
}
