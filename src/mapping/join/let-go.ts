/**
 * What a call that has left keeps alive. A loop that calls on and on (read an answer, send the next call) is one chain from its
 * last call to its first: each call holds the stretch that it went out in, and that the call whose answer began it.
 */

import { causeOf, hasUndecided, mayBeOfPutOff } from "./evidence/turn.ts";
import { Stretch } from "./thread-log.ts";
import type { TraceNode } from "./trace-node.ts";

/** The call's span has left: of the chain before it only the request at its beginning matters, if it has one. */
export function letGo(call: TraceNode): void {
  const { stretch } = call;
  // Calls of the chain that wait for a parent may still get it from an answer to come; it is gone from when they leave.
  if (stretch === undefined || hasUndecided(call)) return;
  const cause = causeOf(call);
  if (cause === stretch.cause) return;
  call.isBesidePutOff = mayBeOfPutOff(call);
  call.stretch = undefined;
  if (cause === undefined) return;
  call.stretch = new Stretch(cause, stretch.start, stretch.isExact);
  call.stretch.isShared = stretch.isShared;
}
