import type { StageAccount } from "../mapping/account.ts";
import type { DeliveryLog } from "./delivery-log.ts";
import type { RequestStore, StoredRequest } from "./request-store.ts";
import type { QueuedRequest } from "./send-outcome.ts";

/** Where a body comes from that was stored: the formats with a store have bytes for bodies. */
export type StoreOf<Body> = Body extends Uint8Array ? RequestStore : never;

/** A request of the queue. Its body may be on disk alone. */
export interface HeldRequest<Body> {
  readonly itemCount: number;
  readonly sizeBytes: number;
  readonly body: Body | undefined;
  readonly stored: StoredRequest | undefined;
}

/** A request whose turn has come. */
export interface DueRequest<Body> {
  readonly held: HeldRequest<Body>;
  readonly request: QueuedRequest<Body>;
}

/** The requests that a queue holds, those in flight included, in memory or on disk too. */
export class QueueContents<Body> {
  readonly #store: RequestStore | undefined;
  readonly #account: StageAccount;
  readonly #log: DeliveryLog;
  readonly #waiting: HeldRequest<Body>[] = [];
  #items = 0;
  #bytes = 0;

  constructor(store: StoreOf<Body> | undefined, account: StageAccount, log: DeliveryLog) {
    this.#store = store;
    this.#account = account;
    this.#log = log;
    if (store !== undefined) this.#takeUp(store);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get items(): number {
    return this.#items;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @param isNext it will be sent at once: its body need not be read again */
  add(request: QueuedRequest<Body>, isNext: boolean): void {
    const stored = this.#store?.put(request as QueuedRequest<Uint8Array>);
    const body = stored === undefined || isNext ? request.body : undefined;
    this.#hold({ itemCount: request.itemCount, sizeBytes: request.sizeBytes, body, stored });
  }

  /** The oldest that is not in flight. What can't be read any more is counted lost. */
  next(): DueRequest<Body> | undefined {
    for (let held = this.#waiting.shift(); held !== undefined; held = this.#waiting.shift()) {
      const { itemCount, sizeBytes } = held;
      const body = held.body ?? (this.#store?.read(held.stored!) as Body | undefined);
      if (body !== undefined) return { held, request: { body, itemCount, sizeBytes } };
      this.#lose("storage_damaged", itemCount);
      this.#release(held);
      this.#store?.remove(held.stored!);
    }
    return undefined;
  }

  /** @param leftItems of those that have come to no end: another run sends the request again where it is stored */
  ended(held: HeldRequest<Body>, leftItems: number): void {
    this.#release(held);
    if (leftItems > 0) this.#leave(held, leftItems);
    else if (held.stored !== undefined) this.#store?.remove(held.stored);
  }

  /** Forgets what is not in flight. */
  clear(): void {
    for (const held of this.#waiting.splice(0)) {
      this.#release(held);
      this.#leave(held, held.itemCount);
    }
  }

  close(): void {
    this.#store?.close();
  }

  #takeUp(store: RequestStore): void {
    for (const stored of store.earlier) {
      this.#account.addIn(stored.itemCount);
      this.#hold({ itemCount: stored.itemCount, sizeBytes: stored.sizeBytes, body: undefined, stored });
    }
    if (this.#items > 0) this.#log.tookUp(this.#items);
    if (store.damagedItems === 0) return;
    this.#account.addIn(store.damagedItems);
    this.#lose("storage_damaged", store.damagedItems);
  }

  #hold(held: HeldRequest<Body>): void {
    this.#waiting.push(held);
    this.#items += held.itemCount;
    this.#bytes += held.sizeBytes;
  }

  #release(held: HeldRequest<Body>): void {
    this.#items -= held.itemCount;
    this.#bytes -= held.sizeBytes;
  }

  #leave({ stored }: HeldRequest<Body>, items: number): void {
    if (stored === undefined) this.#lose("shutdown", items);
    else this.#account.addConsumed("stored", items);
  }

  #lose(reason: string, items: number): void {
    this.#account.addLost(reason, items);
    this.#log.dropped(reason, items);
  }
}
