/** The last samples, for the flame graph pages: bounded in number, the oldest leave first. */
import { StageAccount } from "../../mapping/account.ts";
import type { Profile } from "../../mapping/profile.ts";
import { type Attribute, type Resource, type Span, SpanKind } from "../../mapping/span.ts";
import { addStack, PROCESS_TYPE, StackNode } from "./stack-tree.ts";

/** Spans that samples may point to are remembered for their names. */
const SPAN_LIMIT = 30_000;
const COMPACT_AFTER = 10_000;

export interface StoredProcess {
  readonly service: string;
  readonly pid: number;
}

export interface StoredSample {
  readonly type: Profile["type"];
  readonly timeMs: number;
  /** Of the CPU, or off it. */
  readonly valueNs: number;
  readonly leaf: StackNode;
  readonly process: StoredProcess;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
}

interface KnownSpan {
  readonly name: string;
  readonly kind: SpanKind;
}

export interface SampleFilter {
  readonly type: Profile["type"];
  readonly service?: string | undefined;
  readonly pid?: number | undefined;
  readonly traceId?: string | undefined;
  readonly spanId?: string | undefined;
  readonly spanName?: string | undefined;
  readonly spanKind?: SpanKind | undefined;
  readonly sinceMs?: number | undefined;
}

export class ProfileStore {
  readonly account = new StageAccount("zpages", "samples");
  readonly root = new StackNode(undefined, "all", "", PROCESS_TYPE);
  readonly #limit: number;
  readonly #samples: StoredSample[] = [];
  /** Those before have left. */
  #first = 0;
  readonly #processes = new WeakMap<Resource, StoredProcess>();
  readonly #spans = new Map<string, KnownSpan>();
  #version = 0;

  constructor(maxSamples: number) {
    this.#limit = maxSamples;
  }

  /** Grows with whatever comes: the same number, the same answers. */
  get version(): number {
    return this.#version;
  }

  consume(profiles: readonly Profile[]): void {
    for (const profile of profiles) {
      this.account.addIn(profile.samples.length);
      const process = this.#processOf(profile.resource);
      const isCpu = profile.type === "cpu";
      for (const { timeUnixNano, stack, value, link } of profile.samples) {
        this.#samples.push({
          type: profile.type,
          timeMs: Number(timeUnixNano / 1_000_000n),
          valueNs: isCpu ? value * profile.periodNano : value,
          leaf: addStack(this.root, process.service, stack),
          process,
          traceId: link?.traceId,
          spanId: link?.spanId,
        });
      }
    }
    while (this.#samples.length - this.#first > this.#limit) this.#evict();
    if (this.#first > COMPACT_AFTER) {
      this.#samples.splice(0, this.#first);
      this.#first = 0;
    }
    this.#version++;
  }

  /** Spans come through the other pipeline, before their samples or after them. */
  readonly spans = {
    consume: (spans: readonly Span[]): void => {
      for (const { spanId, name, kind } of spans) {
        // Samples are taken for what a process serves.
        if (kind === SpanKind.client || kind === SpanKind.producer) continue;
        this.#spans.set(spanId, { name, kind });
        if (this.#spans.size > SPAN_LIMIT) this.#spans.delete(this.#spans.keys().next().value ?? "");
      }
    },
  };

  spanOf({ spanId }: StoredSample): KnownSpan | undefined {
    return spanId === undefined ? undefined : this.#spans.get(spanId);
  }

  *matching(filter: SampleFilter): Generator<StoredSample> {
    const { type, service, pid, traceId, spanId, spanName, spanKind, sinceMs } = filter;
    for (let i = this.#first; i < this.#samples.length; i++) {
      const sample = this.#samples[i]!;
      if (sample.type !== type || (sinceMs !== undefined && sample.timeMs < sinceMs)) continue;
      if (service !== undefined && sample.process.service !== service) continue;
      if (pid !== undefined && sample.process.pid !== pid) continue;
      if (traceId !== undefined && sample.traceId !== traceId) continue;
      if (spanId !== undefined && sample.spanId !== spanId) continue;
      if (spanName !== undefined || spanKind !== undefined) {
        const span = this.spanOf(sample);
        if (span === undefined) continue;
        if (spanName !== undefined && span.name !== spanName) continue;
        if (spanKind !== undefined && span.kind !== spanKind) continue;
      }
      yield sample;
    }
  }

  /** Of each span of a trace that has any; CPU samples. */
  countsOf(traceId: string): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { spanId } of this.matching({ type: "cpu", traceId })) {
      if (spanId !== undefined) counts.set(spanId, (counts.get(spanId) ?? 0) + 1);
    }
    return counts;
  }

  #evict(): void {
    this.#samples[this.#first]!.leaf.release();
    this.#first++;
    this.account.addConsumed("evicted");
  }

  #processOf(resource: Resource): StoredProcess {
    let process = this.#processes.get(resource);
    if (process === undefined) {
      const find = (name: string) => resource.attributes.find(([key]: Attribute) => key === name)?.[1];
      process = { service: String(find("service.name") ?? "unknown_service"), pid: Number(find("process.pid") ?? 0) };
      this.#processes.set(resource, process);
    }
    return process;
  }
}
