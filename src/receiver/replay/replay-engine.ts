/** A trace engine for each clock of a replay. */
import type { StageAccount } from "../../mapping/account.ts";
import { TraceEngine } from "../../mapping/engine.ts";
import type { EngineOptions } from "../../mapping/engine-options.ts";
import type { Resource, Span } from "../../mapping/span.ts";
import type { ReplayTarget, Timeline } from "./replay.ts";

/** What is asked of an engine that knows the whole of its time. */
export interface ReplaySettings extends Pick<EngineOptions, "describe" | "settleNs">, Partial<Choices> {}
type Choices = Pick<
  EngineOptions,
  "protocols" | "tellsUnknownConnections" | "io" | "trustsContextFrom" | "contextHeaders" | "sdkSpans"
>;

interface ReplayEngineOptions extends ReplaySettings {
  spans(spans: readonly Span[]): void;
  readonly left?: EngineOptions["left"];
  /** The accounts of an engine that begins. */
  accounts(accounts: readonly StageAccount[]): void;
}

/** Segments may be this long in one hole-free run of a fast link: more than what the live path needs. */
const STREAM_BUFFER_BYTES = 1024 * 1024;

export function openReplayEngine(timeline: Timeline, options: ReplayEngineOptions): ReplayTarget {
  const { spans, left, accounts, ...settings } = options;
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
      ...settings,
      observer: timeline.isCapture ? "capture" : "host",
      // What is in the file is all there is: nobody exports it anew.
      keepsOtlpExports: true,
      streamBufferBytes: STREAM_BUFFER_BYTES,
      maxConnections: 200_000,
      ...(left === undefined ? {} : { left }),
    },
    { spans, verdict: () => {} },
  );
  accounts(engine.accounts);
  return engine;
}
