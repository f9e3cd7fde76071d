/** What `stat` shows: spans by service and kind, counted only while somebody looks. */
import { kindName, serviceName } from "../../exporter/debug/span-facts.ts";
import type { ServiceCounts, WorkerStatAnswer } from "../../ipc/control-answers.ts";
import type { StageAccount } from "../../mapping/account.ts";
import { type Span, StatusCode } from "../../mapping/span.ts";
import type { SpanConsumer } from "../pipeline.ts";
import { bucketOf } from "./duration-buckets.ts";

/** Names come from traced programs: a host that makes ever new ones is counted together beyond this. */
const SERVICE_LIMIT = 1000;
const OTHERS = "(others)";
const IDLE_MS = 60_000;

interface Counts {
  readonly service: string;
  readonly kind: string;
  spans: number;
  errors: number;
  readonly durations: Map<number, number>;
}

interface SpanCountsOptions {
  readonly nowMs: () => number;
  readonly cpuUs: () => number;
  readonly accounts: () => readonly StageAccount[];
}

export class SpanCounts implements SpanConsumer {
  readonly #options: SpanCountsOptions;
  readonly #counts = new Map<string, Counts>();
  #epoch = 0;
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(options: SpanCountsOptions) {
    this.#options = options;
  }

  consume(spans: readonly Span[]): void {
    if (this.#isIdle()) return;
    for (const span of spans) this.#count(span);
  }

  answer(): WorkerStatAnswer {
    const { nowMs, cpuUs, accounts } = this.#options;
    if (this.#isIdle()) {
      this.#epoch += 1;
      this.#counts.clear();
    }
    this.#askedMs = nowMs();
    const lost: Record<string, number> = Object.create(null);
    for (const { stage, lost: reasons } of accounts()) {
      for (const [reason, count] of reasons) {
        const key = `${stage}/${reason}`;
        lost[key] = (lost[key] ?? 0) + count;
      }
    }
    return {
      epoch: this.#epoch,
      services: [...this.#counts.values()].map((each): ServiceCounts => ({ ...each, durations: [...each.durations] })),
      lost,
      workerCpuUs: cpuUs(),
      timeMs: this.#askedMs,
    };
  }

  #isIdle(): boolean {
    return this.#options.nowMs() - this.#askedMs > IDLE_MS;
  }

  #count(span: Span): void {
    const counts = this.#of(serviceName(span), kindName(span));
    counts.spans += 1;
    if (span.status === StatusCode.error) counts.errors += 1;
    const bucket = bucketOf(Number(span.endTimeUnixNano - span.startTimeUnixNano));
    counts.durations.set(bucket, (counts.durations.get(bucket) ?? 0) + 1);
  }

  #of(service: string, kind: string): Counts {
    const key = `${kind} ${service}`;
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    if (this.#counts.size >= SERVICE_LIMIT && service !== OTHERS) return this.#of(OTHERS, kind);
    const made: Counts = { service, kind, spans: 0, errors: 0, durations: new Map() };
    this.#counts.set(key, made);
    return made;
  }
}
