/**
 * Whether to be told of hand-overs between goroutines, or of the async functions of Node: where calls come, while the process
 * serves, of which nothing else is known.
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import { OnDemand } from "./on-demand.ts";
import { mayBeResumed } from "./resumed.ts";
import type { TraceNode } from "./trace-node.ts";

const ENOUGH = 2;
const IN_VAIN = 512;

export class HandoverWatch {
  readonly #demand = new OnDemand(ENOUGH, IN_VAIN);
  #strays = 0;

  /** @returns whether they are to be watched from now on; undefined: as before */
  called(call: TraceNode, { joined }: { readonly joined: number }): boolean | undefined {
    return isStray(call) || mayBeResumed(call) ? this.#demand.seen(++this.#strays, joined) : undefined;
  }
}

/** Made by a goroutine that serves nothing, and that no request has made. */
function isStray({ isDecided, start, unit }: TraceNode): boolean {
  return !isDecided && start.causeKind === 0 && unit?.kind === UnitKind.goroutine && !unit.hasRead;
}
