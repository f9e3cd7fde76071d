/** Where spans and profiles come from. */
import type { StageAccount } from "../mapping/account.ts";
import type { Profile } from "../mapping/profile.ts";
import type { Span } from "../mapping/span.ts";

export interface Receiver {
  /** Component id: `socket_trace`. */
  readonly id: string;
  readonly accounts: readonly StageAccount[];
  /** Nothing comes of a signal that no pipeline takes from this receiver: what is given then is thrown away. */
  start(next: (spans: readonly Span[]) => void, nextProfiles: (profiles: readonly Profile[]) => void): Promise<void>;
  /**
   * What is still held leaves before this ends.
   * @param limitMs after which nobody waits for it any more: what can't leave by then is counted as lost before
   */
  shutdown(limitMs: number): Promise<void>;
}
