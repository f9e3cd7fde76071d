/**
 * Units that are made for one request each, told by the function that they run: a task of uvicorn's for each request. What
 * such a unit calls when it has answered is for that request still (background tasks of Starlette and FastAPI), since it
 * serves no other. Others serve a connection (aiohttp, asyncio's streams) and may be at the next request by then.
 *
 * It shows on connections that have brought several requests: each was answered by a unit that was made when it had been
 * read. One that has answered before, or was there before, costs many.
 */
import { setBounded } from "../../../make-room.ts";
import type { Creation } from "../evidence/lineage.ts";
import type { NodeConnection, TraceNode } from "../trace-node.ts";

const PROVEN = 3;
const MAX_CREDIT = 64;
const COST_OF_DIFFERENCE = 64;
const MAX_KINDS = 256;

export class FreshUnits {
  /** By the function that they run. */
  readonly #credits = new Map<number, number>();
  /** They have brought a request that is answered. */
  readonly #connections = new WeakSet<NodeConnection>();

  /**
   * @param creation of the unit that has answered
   * @param hasAnswered it has answered another request before
   */
  answered(served: TraceNode, creation: Creation, hasAnswered: boolean): void {
    const { work, madeNs } = creation;
    if (work === 0 || served.isPipelined || served.isDoubtful) return;
    const credit = this.#credits.get(work) ?? 0;
    if (hasAnswered || madeNs < served.start.timestampNs) this.#set(work, credit - COST_OF_DIFFERENCE);
    else if (this.#connections.has(served.connection)) this.#set(work, credit + 1);
    this.#connections.add(served.connection);
  }

  /** Units that run this serve one request each. */
  areProven(work: number): boolean {
    return work !== 0 && (this.#credits.get(work) ?? 0) >= PROVEN;
  }

  #set(work: number, credit: number): void {
    const bounded = Math.max(-COST_OF_DIFFERENCE, Math.min(MAX_CREDIT, credit));
    setBounded(this.#credits, work, bounded, MAX_KINDS);
  }
}
