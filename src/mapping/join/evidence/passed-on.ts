/**
 * Evidence: the call carries the same token (sw8, x-request-id, ...) as one request that the process serves.
 *
 * Proves: proxies and frameworks pass such ids on unchanged. Lies where several requests come with the same one (a
 * client that names a batch, retries): then the id says nothing. x-request-id never joins alone: the call must also lie
 * within the request, so it is asked when the request is answered, and not about calls that are not over by then.
 */
import type { ProcessWork } from "../process-work.ts";
import { decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";

const MAX_TOKENS = 16_384;

/** Open requests of one process by their token. */
export class OpenTokens {
  readonly #byToken = new Map<string, TraceNode>();

  opened(node: TraceNode): void {
    const token = node.token;
    if (token === undefined) return;
    const other = this.#byToken.get(token);
    if (other !== undefined) {
      other.sharesToken = true;
      node.sharesToken = true;
    } else if (this.#byToken.size < MAX_TOKENS) {
      this.#byToken.set(token, node);
    }
  }

  closed(node: TraceNode): void {
    if (node.token !== undefined && this.#byToken.get(node.token) === node) this.#byToken.delete(node.token);
  }
}

/** `served` is being answered. */
export function joinPassedOn(work: ProcessWork, served: TraceNode): void {
  if (served.token === undefined || served.sharesToken) return;
  for (const call of work.undecided) {
    if (call.token !== served.token || call.isDecided || !call.isFinished) continue;
    if (call.start.order > served.start.order) decide(call, served, "passed_on");
  }
}
