/** Which span a sample was taken for, as far as somebody knows. */
import { StageAccount } from "../../mapping/account.ts";
import type { StackSample } from "../../mapping/profiles/stack-sample.ts";

export interface SampleLinker {
  /** Unit: samples. out is what has a link; consumed is what nothing was served at. */
  readonly account: StageAccount;
  /**
   * @param isEnd no more will be known later
   * @returns the sample, with its link if there is one; undefined: it may be known later
   */
  link(sample: StackSample, isEnd: boolean): StackSample | undefined;
}

/** Where no receiver makes spans. */
export const NO_LINKS: SampleLinker = {
  account: new StageAccount("profile_link", "samples"),
  link: (sample) => sample,
};
