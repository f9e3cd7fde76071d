/** What `watch` shows: spans as they leave, kept only while somebody looks. */
import { factsOf } from "../../exporter/debug/span-facts.ts";
import type { SpansAnswer, WatchedSpan } from "../../ipc/control-answers.ts";
import type { Span } from "../../mapping/span.ts";
import type { SpanConsumer } from "../pipeline.ts";

/** A watcher asks several times a second; what comes faster than this is told as missed. */
const LIMIT = 8192;
/** Nobody has asked for so long: nobody looks any more. */
const IDLE_MS = 10_000;

export class SpanTap implements SpanConsumer {
  readonly #nowMs: () => number;
  readonly #limit: number;
  #spans: Span[] = [];
  /** Number of the first of them; those before are gone. */
  #first = 0;
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(nowMs: () => number, limit = LIMIT) {
    this.#nowMs = nowMs;
    this.#limit = limit;
  }

  consume(spans: readonly Span[]): void {
    if (this.#nowMs() - this.#askedMs > IDLE_MS) {
      this.#forget(this.#spans.length);
      this.#first += spans.length;
      return;
    }
    this.#spans.push(...spans);
    this.#forget(this.#spans.length - this.#limit);
  }

  /** @param after an answer's `next`; undefined begins with what comes from now on */
  answer(after: number | undefined): SpansAnswer {
    this.#askedMs = this.#nowMs();
    const next = this.#first + this.#spans.length;
    // A number that is not known yet is of another process, which had the same id.
    if (after === undefined || after > next) return { next, spans: [], missed: 0 };
    const spans = this.#spans.slice(Math.max(0, after - this.#first));
    return { next, spans: spans.map(watched), missed: Math.max(0, this.#first - after) };
  }

  #forget(count: number): void {
    if (count <= 0) return;
    this.#spans = this.#spans.slice(count);
    this.#first += count;
  }
}

function watched(span: Span): WatchedSpan {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    startUnixNs: span.startTimeUnixNano.toString(),
    durationNs: Number(span.endTimeUnixNano - span.startTimeUnixNano),
    ...factsOf(span),
  };
}
