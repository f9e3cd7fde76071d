/**
 * Doubt of evidence `single`: a pool makes its connections ready by a unit of its own, whenever it has too few, so what that
 * says to a server is for no request. Such a unit reads no requests, signs in, and calls on no connection that others made.
 */
import type { TraceNode } from "../trace-node.ts";

/** @param isSignIn the call says who calls */
export function noteSetUp(call: TraceNode, isSignIn: boolean): void {
  const { connection, unit } = call;
  if (unit === undefined) return;
  if (isSignIn) connection.signedInBy = unit.key;
  call.mayBeSetUp = connection.signedInBy === unit.key;
  if (call.mayBeSetUp) return;
  unit.callsOnOthers = true;
  connection.signedInBy = 0;
}

/** What it says is for no request. */
export function isSetUp({ mayBeSetUp, unit, isWatched }: TraceNode): boolean {
  // A loop's thread signs in, and says all that others ask it to.
  if (unit === undefined || (unit.isThread && isWatched)) return false;
  return !unit.hasRead && (unit.preparesUnasked || (mayBeSetUp && !unit.callsOnOthers));
}
