/**
 * Whether to be told of the async functions of a Node process: from its first request on, or since it listens (event-dispatcher.ts), so
 * that what its first requests wait for is seen; then where calls come, while it serves, of which nothing else is known. And not where
 * it does so much that watching would slow it: its microtasks tell before, not all of which wait for a function, then the programs
 * themselves (bpf/unit/node_run.bpf.h).
 */
import { UnitEdge, type UnitEdgeEvent, UnitKind } from "../../../bpf/layout.gen.ts";
import type { EventMeta } from "../../event-meta.ts";
import { mayBeResumed } from "../evidence/resumed.ts";
import type { TraceNode } from "../trace-node.ts";
import { OnDemand } from "./on-demand.ts";
import { WatchPause } from "./watch-pause.ts";
import { WatchTrial } from "./watch-trial.ts";

const ENOUGH = 2;
/** Several seconds of a busy server: what is seen has to agree with other evidence first, and in doubt none speaks. */
const IN_VAIN = 4096;
/** The program may get to what awaits later. */
const GROWTH = 2;
/** A fetch takes forty, a wait three. */
const MICROTASKS_PER_SECOND = 40_000;
const WINDOW_NS = 100_000_000;
/** A process that was calm for so long may have bursts: so often, until there was none for a while. */
const CALM_NS = 3_000_000_000;
const MOST_BURSTS = 2;
const BURSTS_NS = 10_000_000_000;

export class ResumedWatch {
  readonly #demand = new OnDemand({ enough: ENOUGH, inVain: IN_VAIN, growth: GROWTH, isToldFirst: true });
  readonly #trial = new WatchTrial();
  #isCalm = false;
  #onSinceNs = Number.NEGATIVE_INFINITY;
  #bursts = 0;
  #burstNs = 0;
  /** When microtasks were counted last, and how many were over. */
  #countedNs: number | undefined;
  #counted = 0;
  #strays = 0;
  readonly #pause = new WatchPause();

  /** @returns whether they are to be watched from now on; undefined: as before */
  strayed(call: TraceNode, { joined }: { readonly joined: number }): boolean | undefined {
    if (!mayBeResumed(call) || this.#pause.isAt(call.start.timestampNs)) return undefined;
    this.#count(call.start);
    if (!this.#demand.isOn && !this.#isCalm && !this.#trial.isOn) return undefined;
    const isOn = this.#demand.seen(++this.#strays, joined);
    // What waits for its first request is calm.
    if (isOn === true && !this.#trial.isOn) this.#onSinceNs = call.start.timestampNs;
    return isOn;
  }

  /** While it serves. */
  called({ unitKind }: EventMeta): false | undefined {
    return unitKind === UnitKind.nodeAsync ? this.#trial.called(this.#demand.isOn) : undefined;
  }

  /** A request was read. */
  served({ unitKind }: EventMeta): boolean | undefined {
    return unitKind === UnitKind.nodeAsync ? this.#trial.served(this.#demand.isOn) : undefined;
  }

  /** One goes on. @returns false where they are too many to be watched now */
  told({ edge, unitKind, header }: UnitEdgeEvent): false | undefined {
    if (unitKind !== UnitKind.nodeAsync) return undefined;
    if (edge !== UnitEdge.resumesOften) {
      this.#demand.told(this.#strays);
      return this.#trial.told(this.#demand.isOn);
    }
    if (this.#isBurst(header.timestampNs)) return undefined;
    const wasTried = this.#trial.end();
    if (this.#demand.rest(this.#strays) === undefined && !wasTried) return undefined;
    this.#pause.begin(header.timestampNs);
    return false;
  }

  /** The programs say for each that it was too much; it need not last. */
  #isBurst(nowNs: number): boolean {
    const isOn = this.#demand.isOn || this.#trial.isOn;
    if (!isOn || nowNs - this.#onSinceNs < CALM_NS) return false;
    if (nowNs - this.#burstNs > BURSTS_NS) this.#bursts = 0;
    this.#burstNs = nowNs;
    return ++this.#bursts <= MOST_BURSTS;
  }

  #count({ timestampNs, causeId }: EventMeta): void {
    const elapsedNs = timestampNs - (this.#countedNs ?? timestampNs);
    if (this.#countedNs !== undefined && elapsedNs < WINDOW_NS) return;
    this.#isCalm = elapsedNs > 0 && (causeId - this.#counted) * 1e9 <= MICROTASKS_PER_SECOND * elapsedNs;
    this.#countedNs = timestampNs;
    this.#counted = causeId;
  }
}
