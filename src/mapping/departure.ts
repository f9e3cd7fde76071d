/**
 * Where finished spans wait: for their trace to be settled, at most `settleNs`, and for the facts of their process.
 * Bounded in bytes: the oldest leaves first, with what is known.
 */
import type { StageAccount } from "./account.ts";
import { letGo } from "./join/let-go.ts";
import { firstUndecided, settle, whenSettled } from "./join/trace-graph.ts";
import type { Resource, Span } from "./span.ts";
import { finishSpan, type SpanDraft, sizeOfDraft } from "./span-draft.ts";

interface DepartureOptions {
  readonly settleNs: number;
  readonly maxHeldBytes: number;
  clockOffsetNs(): bigint;
  resourceOf(tgid: number): Resource | undefined;
  fallbackResource(tgid: number, comm: string): Resource;
  /** Is told of each span that leaves. */
  readonly left?: ((draft: SpanDraft, span: Span, clockOffsetNs: bigint) => void) | undefined;
}

interface Held {
  /** undefined: it has left. */
  draft: SpanDraft | undefined;
  readonly deadlineNs: number;
  /** Its part of the sum. */
  sizeBytes: number;
}

/** The facts of a process come from /proc by way of another process: so long they may take. */
const RESOURCE_WAIT_NS = 1_000_000_000;
/** So many leave together: what waits longer is copied by the garbage collector, and encoding wants a few dozen of a process. */
const BATCH = 128;

export class Departure {
  readonly #options: DepartureOptions;
  readonly #account: StageAccount;
  readonly #output: (spans: readonly Span[]) => void;
  /** In the order of their ends. */
  #held: Held[] = [];
  #first = 0;
  #heldBytes = 0;
  /** Settled, but their process is not known yet. */
  #nameless: { draft: SpanDraft; deadlineNs: number }[] = [];
  #ready: Span[] = [];
  #nowNs = 0;
  /** Spans whose trace was cut by time or memory, by reason. */
  readonly cut = new Map<string, number>();

  /** @param account in spans */
  constructor(options: DepartureOptions, account: StageAccount, output: (spans: readonly Span[]) => void) {
    this.#options = options;
    this.#account = account;
    this.#output = output;
  }

  add(draft: SpanDraft): void {
    this.#nowNs = Math.max(this.#nowNs, draft.endNs);
    if (firstUndecided(draft.node) === undefined) {
      this.#emit(draft);
      return;
    }
    const held: Held = { draft, deadlineNs: draft.endNs + this.#options.settleNs, sizeBytes: 0 };
    whenSettled(draft.node, () => this.#leave(held));
    if (held.draft === undefined) return;
    this.#held.push(held);
    held.sizeBytes = sizeOfDraft(draft);
    this.#heldBytes += held.sizeBytes;
    while (this.#heldBytes > this.#options.maxHeldBytes && this.#first < this.#held.length) this.#force("memory");
  }

  advance(nowNs: number): void {
    this.#nowNs = Math.max(this.#nowNs, nowNs);
    while (this.#first < this.#held.length) {
      const oldest = this.#held[this.#first]!;
      if (oldest.draft === undefined) this.#passFirst();
      else if (oldest.deadlineNs <= nowNs) this.#force("settle");
      else break;
    }
    if (this.#nameless.length > 0) this.#name(nowNs);
    this.#send();
  }

  /** Everything leaves. */
  flush(): void {
    while (this.#first < this.#held.length) {
      if (this.#held[this.#first]!.draft === undefined) this.#passFirst();
      else this.#force("end");
    }
    this.#name(Number.POSITIVE_INFINITY);
    this.#send();
  }

  #force(reason: string): void {
    const { draft } = this.#held[this.#first]!;
    if (draft !== undefined) {
      this.cut.set(reason, (this.cut.get(reason) ?? 0) + 1);
      settle(draft.node);
    }
    this.#passFirst();
  }

  #passFirst(): void {
    this.#first++;
    if (this.#first > 1024 && this.#first * 2 > this.#held.length) {
      this.#held = this.#held.slice(this.#first);
      this.#first = 0;
    }
  }

  #leave(held: Held): void {
    const { draft } = held;
    if (draft === undefined) return;
    // What waits behind one that stays long holds no spans that have left.
    held.draft = undefined;
    this.#heldBytes -= held.sizeBytes;
    this.#emit(draft);
  }

  #emit(draft: SpanDraft): void {
    const resource = this.#options.resourceOf(draft.tgid);
    if (resource === undefined) {
      this.#nameless.push({ draft, deadlineNs: this.#nowNs + RESOURCE_WAIT_NS });
      return;
    }
    this.#push(draft, resource);
  }

  #name(nowNs: number): void {
    const waiting = this.#nameless;
    this.#nameless = [];
    for (const entry of waiting) {
      const { draft } = entry;
      const resource = this.#options.resourceOf(draft.tgid);
      if (resource !== undefined) this.#push(draft, resource);
      else if (entry.deadlineNs <= nowNs) this.#push(draft, this.#options.fallbackResource(draft.tgid, draft.comm));
      else this.#nameless.push(entry);
    }
  }

  #push(draft: SpanDraft, resource: Resource): void {
    const clockOffsetNs = this.#options.clockOffsetNs();
    const span = finishSpan(draft, resource, clockOffsetNs);
    this.#options.left?.(draft, span, clockOffsetNs);
    letGo(draft.node);
    this.#ready.push(span);
    if (this.#ready.length >= BATCH) this.#send();
  }

  #send(): void {
    if (this.#ready.length === 0) return;
    const spans = this.#ready;
    this.#ready = [];
    this.#account.addOut(spans.length);
    this.#output(spans);
  }
}
