/** Takes the self-test's spans out of the stream: they are shown, never exported. */
import { StageAccount } from "../../mapping/account.ts";
import type { Span } from "../../mapping/span.ts";

/** Both ends of the one exchange. */
const SPANS_EXPECTED = 2;
/** The exchange is over long before; then the kernel may give the numbers of its processes to others. */
const LIFE_MS = 60_000;
/** The second end may come a little later, or not at all. */
const WAIT_MS = 2000;

export class SelfTestFilter {
  readonly account = new StageAccount("self_test", "spans");
  readonly #pids: ReadonlySet<unknown>;
  readonly #onSpans: (spans: readonly Span[]) => void;
  readonly #nowMs: () => number;
  readonly #untilMs: number;
  #seen: Span[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(pids: readonly number[], onSpans: (spans: readonly Span[]) => void, nowMs: () => number) {
    this.#pids = new Set<unknown>(pids);
    this.#onSpans = onSpans;
    this.#nowMs = nowMs;
    this.#untilMs = nowMs() + LIFE_MS;
  }

  divert(spans: readonly Span[]): readonly Span[] {
    this.account.addIn(spans.length);
    const own = this.#isOver ? [] : spans.filter((span) => this.#isOwn(span));
    if (own.length > 0) {
      this.account.addConsumed("self_test", own.length);
      this.#collect(own);
    }
    const rest = own.length === 0 ? spans : spans.filter((span) => !own.includes(span));
    this.account.addOut(rest.length);
    return rest;
  }

  get #isOver(): boolean {
    return this.#pids.size === 0 || this.#nowMs() >= this.#untilMs;
  }

  #collect(own: readonly Span[]): void {
    this.#seen.push(...own);
    if (this.#seen.length >= SPANS_EXPECTED) this.#show();
    else this.#timer ??= setTimeout(() => this.#show(), WAIT_MS);
  }

  #show(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#onSpans(this.#seen.splice(0));
  }

  #isOwn(span: Span): boolean {
    return span.resource.attributes.some(([key, value]) => key === "process.pid" && this.#pids.has(value));
  }
}
