/** Addresses to names, as the `profile` receiver uses it. */
import type { StageAccount } from "../../mapping/account.ts";
import type { StackSample } from "../../mapping/profiles/stack-sample.ts";
import type { SymbolizedSample } from "../../mapping/profiles/symbolized-sample.ts";

/** Asked for again, names that did not come in time may have come. */
export interface NamedSample extends SymbolizedSample {
  readonly isLate: boolean;
}

export interface Symbolizer {
  /** Unit: frames. Each frame leaves with a name or is consumed with the reason why it has none. */
  readonly account: StageAccount;

  /** Everything that needs code from disk or a privilege is done after this. */
  ready(): Promise<void>;

  /**
   * A process that samples will come from: its mappings and files are read now, since it may be gone soon.
   * Cheap when it is known already; `symbolize` says it of each process that it has not seen.
   */
  seen(tgid: number): void;
  /** A new process, which has its parent's mappings until it executes another program. */
  forked(tgid: number, parentTgid: number): void;
  /** Another program: what was known of the process is over. */
  executed(tgid: number): void;
  /** Its symbols are kept for a while, since its last samples come later. */
  exited(tgid: number): void;

  /**
   * In the order of the samples. Never rejects, and waits for no read longer than its deadline: what has no name by then
   * keeps its address and its mapping.
   */
  symbolize(samples: readonly StackSample[]): Promise<readonly NamedSample[]>;

  stop(): Promise<void>;
}
