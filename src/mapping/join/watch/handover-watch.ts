/**
 * Whether to be told of hand-overs between goroutines: where calls come, while the process serves, of which nothing else is
 * known. A Go program that serves is told of from its first request on, or since it listens (event-dispatcher.ts), so that
 * its first jobs are seen; no longer, where its first calls did not need it, nor for a while where there are too many.
 */
import { type HandoverEvent, UnitKind } from "../../../bpf/layout.gen.ts";
import type { ProcessWork } from "../process-work.ts";
import type { TraceNode } from "../trace-node.ts";
import { OnDemand } from "./on-demand.ts";
import { WatchPace } from "./watch-pace.ts";
import { WatchPause } from "./watch-pause.ts";
import { WatchTrial } from "./watch-trial.ts";

const ENOUGH = 2;
const IN_VAIN = 512;
/** The program may get to what hands work over later. */
const GROWTH = 4;

export class HandoverWatch {
  readonly #demand = new OnDemand({ enough: ENOUGH, inVain: IN_VAIN, growth: GROWTH, isToldFirst: true });
  readonly #pace = new WatchPace();
  readonly #pause = new WatchPause();
  readonly #trial = new WatchTrial();
  #strays = 0;
  #handovers = 0;

  /** @returns whether they are to be watched from now on; undefined: as before */
  strayed(call: TraceNode, { joined }: { readonly joined: number }): boolean | undefined {
    if (call.isDecided || !isOfIdleGoroutine(call) || this.isPausing(call.start)) return undefined;
    return this.#demand.seen(++this.#strays, joined);
  }

  /** While it serves. */
  called(unitKind: number): false | undefined {
    return unitKind === UnitKind.goroutine ? this.#trial.called(this.#isNeeded) : undefined;
  }

  /** A request was read. */
  served(unitKind: number): boolean | undefined {
    return unitKind === UnitKind.goroutine ? this.#trial.served(this.#isNeeded) : undefined;
  }

  /** One was told. */
  told({ header, lost }: HandoverEvent): boolean | undefined {
    this.#handovers++;
    if (this.#pace.isOver(header.timestampNs, this.#handovers + lost)) {
      this.#trial.end();
      this.#demand.rest(this.#strays);
      this.#pause.begin(header.timestampNs);
      return false;
    }
    this.#demand.told(this.#strays);
    return this.#trial.told(this.#isNeeded);
  }

  /** There were too many: what is told still, of some and not of others, is not to be believed. */
  isPausing({ timestampNs }: { readonly timestampNs: number }): boolean {
    return this.#pause.isAt(timestampNs);
  }

  get #isNeeded(): boolean {
    return this.#strays >= ENOUGH;
  }
}

/** @returns whether they are to be watched from now on; undefined: as before */
export function noteHandover(work: ProcessWork, event: HandoverEvent, order: number): boolean | undefined {
  if (work.handoverWatch.isPausing(event.header)) return undefined;
  work.handovers.handedOver(work, event, order);
  const isOn = work.handoverWatch.told(event);
  // Whoever has a job by now may have another one when they are told again.
  if (isOn === false) work.handovers.forget();
  return isOn;
}

/** Made by a goroutine that serves nothing, and that no request has made. */
export function isOfIdleGoroutine({ start, unit }: TraceNode): boolean {
  return start.causeKind === 0 && unit?.kind === UnitKind.goroutine && !unit.hasRead;
}
