/**
 * Whether to be told which goroutine begins with which stream of HTTP/2. Mostly it shows when one calls that it has made; but
 * not of one that has ended by then, nor in a program with very many. So it is asked for where a program that serves streams
 * calls from goroutines of which nothing is known, and no longer where no call needs it.
 */

import type { TraceNode } from "../trace-node.ts";
import { isOfIdleGoroutine } from "./handover-watch.ts";
import { OnDemand } from "./on-demand.ts";

const ENOUGH = 1;
const IN_VAIN = 512;
/** What the program does may change. */
const GROWTH = 4;

export class HandlerWatch {
  readonly #demand = new OnDemand({ enough: ENOUGH, inVain: IN_VAIN, growth: GROWTH });
  #strays = 0;
  #joined = 0;

  /** A goroutine that one of these has made calls. */
  called(): void {
    this.#joined++;
  }

  /** @returns whether they are to be watched from now on; undefined: as before */
  strayed(call: TraceNode, { hasStreams }: { readonly hasStreams: boolean }): boolean | undefined {
    if (!hasStreams || call.isDecided || !isOfIdleGoroutine(call)) return undefined;
    return this.#demand.seen(++this.#strays, this.#joined);
  }
}
