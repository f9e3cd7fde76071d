/**
 * Whether to be told of the async functions of a Node process: where calls come, while it serves, of which nothing else is
 * known, and as long as it does not have so many that watching them would slow it.
 */
import { CauseKind } from "../../bpf/layout.gen.ts";
import type { EventMeta } from "../event-meta.ts";
import { OnDemand } from "./on-demand.ts";
import { mayBeResumed } from "./resumed.ts";
import type { TraceNode } from "./trace-node.ts";
import { WatchPace } from "./watch-pace.ts";

const ENOUGH = 2;
const IN_VAIN = 512;

export class ResumedWatch {
  readonly #demand = new OnDemand({ enough: ENOUGH, inVain: IN_VAIN });
  readonly #pace = new WatchPace();
  #strays = 0;

  /** @returns whether they are to be watched from now on; undefined: as before */
  strayed(call: TraceNode, { joined }: { readonly joined: number }): boolean | undefined {
    return mayBeResumed(call) ? this.#demand.seen(++this.#strays, joined) : undefined;
  }

  /** A message was read. @returns false where they are too many to be watched, from now on */
  read({ causeKind, causeId, timestampNs }: EventMeta): false | undefined {
    if (causeKind !== CauseKind.nodeMicrotasks || !this.#pace.isOver(timestampNs, causeId)) return undefined;
    return this.#demand.cease();
  }
}
