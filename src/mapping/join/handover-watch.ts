/**
 * Whether to be told of hand-overs between goroutines: where calls come, while the process serves, from goroutines of which
 * nothing else is known.
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import type { Handovers } from "./handovers.ts";
import { OnDemand } from "./on-demand.ts";
import type { TraceNode } from "./trace-node.ts";

const ENOUGH = 2;
const IN_VAIN = 512;

export class HandoverWatch {
  readonly #demand = new OnDemand(ENOUGH, IN_VAIN);
  #strays = 0;

  /** @returns whether they are to be watched from now on; undefined: as before */
  called(call: TraceNode, handovers: Pick<Handovers, "joined">): boolean | undefined {
    return isStray(call) ? this.#demand.seen(++this.#strays, handovers.joined) : undefined;
  }
}

/** Made by a goroutine that serves nothing, and that no request has made. */
function isStray({ isDecided, start, unit }: TraceNode): boolean {
  return !isDecided && start.causeKind === 0 && unit?.kind === UnitKind.goroutine && !unit.hasRead;
}
