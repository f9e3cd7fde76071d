/**
 * Links samples to the spans of this process's trace engine, once it is sure which, and which trace they are in. What a
 * program says of its own thread wins (OTEP 4947, "Interaction with other context sources").
 */
import { StageAccount } from "../account.ts";
import { firstUndecided, resolveTraceId } from "../join/trace-graph.ts";
import { linkSample } from "./link-sample.ts";
import type { ServedWork } from "./served-work.ts";
import type { StackSample } from "./stack-sample.ts";

/** What is not sure by then stays without a link. */
const PATIENCE_NS = 20e9;

export class SpanLinker {
  /** Unit: samples. */
  readonly account = new StageAccount("profile_link", "samples");
  readonly #work: ServedWork;

  constructor(work: ServedWork) {
    this.#work = work;
  }

  /**
   * @param nowNs monotonic; Infinity: no more will be known
   * @returns the sample, with its link if it has one; undefined: ask again later
   */
  link(sample: StackSample, nowNs: number): StackSample | undefined {
    if (sample.link !== undefined) return this.#with(sample);
    const answer = linkSample(sample, this.#work);
    const isPatient = nowNs - sample.timestampNs < PATIENCE_NS;
    if (answer.kind === "later" && isPatient) return undefined;
    if (answer.kind !== "served") return this.#without(sample, answer.kind === "later" ? "unsure" : answer.kind);
    const { node } = answer;
    if (node.isLeftOut) return this.#without(sample, "no_span");
    if (firstUndecided(node) !== undefined) return isPatient ? undefined : this.#without(sample, "unsettled");
    return this.#with({ ...sample, link: { traceId: resolveTraceId(node), spanId: node.spanId, isInferred: true } });
  }

  #with(sample: StackSample): StackSample {
    this.account.addIn();
    this.account.addOut();
    return sample;
  }

  #without(sample: StackSample, why: string): StackSample {
    this.account.addIn();
    this.account.addConsumed(why);
    return sample;
  }
}
