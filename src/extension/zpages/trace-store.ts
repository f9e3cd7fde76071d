/** The last traces, for the pages: bounded in traces and in spans, the oldest leave first. */
import { StageAccount } from "../../mapping/account.ts";
import type { Span } from "../../mapping/span.ts";

interface StoreLimits {
  readonly traces: number;
  readonly spansPerTrace: number;
}

export interface StoredTrace {
  readonly traceId: string;
  /** In the order of their coming. */
  readonly spans: readonly Span[];
  /** Spans that were too many to keep. */
  readonly omitted: number;
}

interface MutableTrace extends StoredTrace {
  readonly spans: Span[];
  omitted: number;
}

export class TraceStore {
  readonly account = new StageAccount("zpages", "spans");
  readonly #limits: StoreLimits;
  /** In the order of their first span. */
  readonly #traces = new Map<string, MutableTrace>();

  constructor(limits: StoreLimits) {
    this.#limits = limits;
  }

  consume(spans: readonly Span[]): void {
    this.account.addIn(spans.length);
    for (const span of spans) this.#add(span);
  }

  /** The newest first. */
  get traces(): readonly StoredTrace[] {
    return [...this.#traces.values()].reverse();
  }

  get(traceId: string): StoredTrace | undefined {
    return this.#traces.get(traceId);
  }

  #add(span: Span): void {
    let trace = this.#traces.get(span.traceId);
    if (trace === undefined) {
      trace = { traceId: span.traceId, spans: [], omitted: 0 };
      this.#traces.set(span.traceId, trace);
      if (this.#traces.size > this.#limits.traces) this.#evictOldest();
    }
    if (trace.spans.length < this.#limits.spansPerTrace) {
      trace.spans.push(span);
    } else {
      trace.omitted++;
      this.account.addConsumed("trace_too_long");
    }
  }

  #evictOldest(): void {
    const [oldest] = this.#traces.values();
    if (oldest === undefined) return;
    this.#traces.delete(oldest.traceId);
    this.account.addConsumed("evicted", oldest.spans.length);
  }
}
