/**
 * What explains the last spans. Hardly any of them is ever asked for, so what leaves is noted in slots that are used again,
 * and made an explanation when somebody asks.
 */
import type { Span } from "../span.ts";
import type { SpanDraft } from "../span-draft.ts";
import type { Explanation } from "./explanation.ts";
import { SpanNote } from "./span-note.ts";

export class ExplanationStore {
  readonly #maxSpans: number;
  /** A ring once it is full. */
  readonly #notes: SpanNote[] = [];
  #oldest = 0;

  constructor(maxSpans: number) {
    this.#maxSpans = maxSpans;
  }

  /** Its parent is settled for good. */
  add(draft: SpanDraft, span: Span, clockOffsetNs: bigint): void {
    let note: SpanNote;
    if (this.#notes.length < this.#maxSpans) {
      note = new SpanNote();
      this.#notes.push(note);
    } else {
      note = this.#notes[this.#oldest]!;
      this.#oldest = (this.#oldest + 1) % this.#maxSpans;
    }
    note.take(draft, span, clockOffsetNs);
  }

  /** Oldest first; nothing where the trace is not known, or not any more. */
  ofTrace(traceId: string): readonly Explanation[] {
    const { length } = this.#notes;
    const found: Explanation[] = [];
    for (let index = 0; index < length; index++) {
      const note = this.#notes[(this.#oldest + index) % length]!;
      if (note.traceId === traceId) found.push(note.explanation());
    }
    return found;
  }
}
