/** Which span a sample was taken for, as far as somebody knows (SpanLinker of src/mapping/profiles). */
import { StageAccount } from "../../mapping/account.ts";
import type { StackSample } from "../../mapping/profiles/stack-sample.ts";

export interface SampleLinker {
  /** Unit: samples. out is what has a link; consumed says why the others have none. */
  readonly account: StageAccount;
  /**
   * @param nowNs monotonic; Infinity: no more will be known
   * @returns the sample, with its link if there is one; undefined: it may be known later
   */
  link(sample: StackSample, nowNs: number): StackSample | undefined;
}

/** Where no receiver makes spans. */
export function noLinks(): SampleLinker {
  return { account: new StageAccount("profile_link", "samples"), link: (sample) => sample };
}
