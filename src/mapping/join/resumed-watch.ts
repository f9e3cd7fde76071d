/**
 * Whether to be told of the async functions of a Node process: where calls come, while it serves, of which nothing else is
 * known, and with pauses where it does so much that watching would slow it (bpf/unit/node_run.bpf.h counts).
 */
import { UnitEdge, type UnitEdgeEvent, UnitKind } from "../../bpf/layout.gen.ts";
import { OnDemand } from "./on-demand.ts";
import { mayBeResumed } from "./resumed.ts";
import type { TraceNode } from "./trace-node.ts";

const ENOUGH = 2;
const IN_VAIN = 512;
/** The program may get to what awaits later. */
const GROWTH = 4;
/** Twice as long each time: what is watched until it is known to be too much again takes ever less of the time. */
const FIRST_PAUSE_NS = 4_000_000_000;
const LONGEST_PAUSE_NS = 600_000_000_000;

export class ResumedWatch {
  readonly #demand = new OnDemand({ enough: ENOUGH, inVain: IN_VAIN, growth: GROWTH, isToldFirst: true });
  #strays = 0;
  #pauseNs = FIRST_PAUSE_NS;
  #pausesUntilNs = Number.NEGATIVE_INFINITY;

  /** @returns whether they are to be watched from now on; undefined: as before */
  strayed(call: TraceNode, { joined }: { readonly joined: number }): boolean | undefined {
    if (!mayBeResumed(call) || call.start.timestampNs < this.#pausesUntilNs) return undefined;
    return this.#demand.seen(++this.#strays, joined);
  }

  /** One goes on. @returns false where they are too many to be watched now */
  told({ edge, unitKind, header }: UnitEdgeEvent): false | undefined {
    if (unitKind !== UnitKind.nodeAsync) return undefined;
    if (edge !== UnitEdge.resumesOften) {
      this.#demand.told(this.#strays);
      return undefined;
    }
    if (this.#demand.rest(this.#strays) === undefined) return undefined;
    this.#pausesUntilNs = header.timestampNs + this.#pauseNs;
    this.#pauseNs = Math.min(LONGEST_PAUSE_NS, this.#pauseNs * 2);
    return false;
  }
}
