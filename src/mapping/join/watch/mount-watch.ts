/**
 * Whether to be told what virtual threads of a JVM make (java-makers.ts). They are watched since the process listens, so that the first
 * of them are seen; no longer, where no call needs it and they pause more often than that may cost, nor for a while where they do
 * so far too often.
 */
import { type UnitEdgeEvent, UnitKind } from "../../../bpf/layout.gen.ts";
import type { TraceNode } from "../trace-node.ts";
import { OnDemand } from "./on-demand.ts";
import { WatchPace } from "./watch-pace.ts";
import { WatchPause } from "./watch-pause.ts";

const ENOUGH = 2;
const IN_VAIN = 512;
/** The program may get to what makes jobs later. */
const GROWTH = 4;
/** What nobody needs may cost a hundredth of a processor, and for some seconds more than that: a pause costs about 6 µs. */
const UNNEEDED_PER_SECOND = 2000;
const UNNEEDED_SECONDS = 8;

export class MountWatch {
  readonly #demand = new OnDemand({ enough: ENOUGH, inVain: IN_VAIN, growth: GROWTH, isToldFirst: true });
  readonly #pace = new WatchPace();
  readonly #unneededPace = new WatchPace(UNNEEDED_PER_SECOND, UNNEEDED_SECONDS);
  readonly #pause = new WatchPause();
  #isTrial = true;
  #strays = 0;
  #told = 0;
  #hasServed = false;
  /** What is to be said with what comes next. */
  #due: boolean | undefined;

  /** A request was read. @returns whether they are to be watched from now on; undefined: as before */
  served(unitKind: number): boolean | undefined {
    if (this.#hasServed || unitKind !== UnitKind.jvmVirtualThread) return this.takeDue();
    this.#hasServed = true;
    return true;
  }

  /** Who has made what the call is for tells its parent, or would. @param joined calls of which it did */
  wanted(call: TraceNode, joined: number): void {
    if (!this.isPausing(call.start)) this.#due = this.#demand.seen(++this.#strays, joined) ?? this.#due;
  }

  /** What a virtual thread has made is told, or how many pauses told nothing. @returns false: too many */
  toldMade({ header: { timestampNs }, fromId, toId }: UnitEdgeEvent): boolean {
    this.#told += fromId === 0 ? toId : 1;
    if (this.#pace.isOver(timestampNs, this.#told)) {
      this.#isTrial = false;
      this.#demand.rest(this.#strays);
      this.#pause.begin(timestampNs);
      this.#due = false;
      return false;
    }
    this.#demand.told(this.#strays);
    if (this.#isTrial && this.#unneededPace.isOver(timestampNs, this.#told)) {
      this.#isTrial = false;
      if (!this.#demand.isOn) this.#due = false;
    }
    return true;
  }

  /** There were too many: what is told still, of some and not of others, is not to be believed. */
  isPausing({ timestampNs }: { readonly timestampNs: number }): boolean {
    return this.#pause.isAt(timestampNs);
  }

  /** @returns the same, since it was asked last */
  takeDue(): boolean | undefined {
    const due = this.#due;
    this.#due = undefined;
    return due;
  }
}
