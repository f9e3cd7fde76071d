/** The explanations of the last spans, by trace; the trace that was touched longest ago leaves first. */
import type { Explanation } from "./explanation.ts";

export class ExplanationStore {
  readonly #maxSpans: number;
  readonly #byTrace = new Map<string, Explanation[]>();
  #count = 0;

  constructor(maxSpans: number) {
    this.#maxSpans = maxSpans;
  }

  add(explanation: Explanation): void {
    const { traceId } = explanation;
    const spans = this.#byTrace.get(traceId);
    if (spans === undefined) this.#byTrace.set(traceId, [explanation]);
    else {
      spans.push(explanation);
      this.#byTrace.delete(traceId);
      this.#byTrace.set(traceId, spans);
    }
    this.#count++;
    while (this.#count > this.#maxSpans) this.#dropOldest();
  }

  /** Nothing where the trace is not known, or not any more. */
  ofTrace(traceId: string): readonly Explanation[] {
    return this.#byTrace.get(traceId) ?? [];
  }

  #dropOldest(): void {
    const oldest = this.#byTrace.entries().next().value;
    if (oldest === undefined) return;
    this.#byTrace.delete(oldest[0]);
    this.#count -= oldest[1].length;
  }
}
