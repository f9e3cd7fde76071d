/**
 * Whether to be told which thread wakes which: where threads that read no requests make calls, in a process whose threads are its
 * units.
 */
import { OnDemand } from "./on-demand.ts";

/** The whole host pays for it: a few such calls may be the program's own. */
const ENOUGH = 8;
const IN_VAIN = 520;

/** Of calls by threads that have read nothing, which got no parent; joined: by who wakes whom. */
export function wakeWatch(areThreadsUnits: () => boolean): OnDemand {
  return new OnDemand({ enough: ENOUGH, inVain: IN_VAIN, mayBegin: areThreadsUnits });
}
