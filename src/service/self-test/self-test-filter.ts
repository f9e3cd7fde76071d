/** Takes the self-test's spans out of the stream: they are shown, never exported. */
import { StageAccount } from "../../mapping/account.ts";
import type { Span } from "../../mapping/span.ts";

export class SelfTestFilter {
  readonly account = new StageAccount("self_test", "spans");
  readonly #pids: ReadonlySet<unknown>;
  readonly #onSpans: (spans: readonly Span[]) => void;

  constructor(pids: readonly number[], onSpans: (spans: readonly Span[]) => void) {
    this.#pids = new Set<unknown>(pids);
    this.#onSpans = onSpans;
  }

  divert(spans: readonly Span[]): readonly Span[] {
    this.account.addIn(spans.length);
    const own = this.#pids.size === 0 ? [] : spans.filter((span) => this.#isOwn(span));
    if (own.length > 0) {
      this.account.addConsumed("self_test", own.length);
      this.#onSpans(own);
    }
    const rest = own.length === 0 ? spans : spans.filter((span) => !own.includes(span));
    this.account.addOut(rest.length);
    return rest;
  }

  #isOwn(span: Span): boolean {
    return span.resource.attributes.some(([key, value]) => key === "process.pid" && this.#pids.has(value));
  }
}
