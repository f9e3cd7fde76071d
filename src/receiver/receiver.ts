/** Where spans come from. */
import type { StageAccount } from "../mapping/account.ts";
import type { Span } from "../mapping/span.ts";

export interface Receiver {
  /** Component id: `socket_trace`. */
  readonly id: string;
  readonly accounts: readonly StageAccount[];
  start(next: (spans: readonly Span[]) => void): Promise<void>;
  /** What is still held leaves through `next` before this ends. */
  shutdown(): Promise<void>;
}
