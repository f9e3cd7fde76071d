import { messageOf } from "../../error.ts";
import type { Log } from "../../log.ts";
import type { StageAccount } from "../../mapping/account.ts";
import type { RequestStore } from "../../storage/request-store.ts";
import type { StoredForm } from "../format/request-format.ts";
import type { QueuedRequest } from "./send-outcome.ts";

/** So much of what is stored stays in memory too, so that a healthy export reads nothing back. */
const CACHE_BYTES = 16 * 1_048_576;

/** A request of the queue: in memory, in a store, or both. */
export interface HeldRequest<Body> {
  readonly itemCount: number;
  readonly sizeBytes: number;
  request: QueuedRequest<Body> | undefined;
  /** Its key in the store. */
  key: string | undefined;
}

interface KeeperOptions<Body> {
  readonly store: RequestStore;
  readonly form: StoredForm<Body>;
  readonly account: StageAccount;
  readonly log: Log;
  readonly unit: string;
}

/** Puts the queue's requests into a store and reads them back. What can't be written waits in memory. */
export class RequestKeeper<Body> {
  readonly #options: KeeperOptions<Body>;
  #memoryBytes = 0;
  #last: Promise<void> = Promise.resolve();
  #writeFails = false;

  constructor(options: KeeperOptions<Body>) {
    this.#options = options;
  }

  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  /** What came last is in memory alone. */
  get writeFails(): boolean {
    return this.#writeFails;
  }

  /** What an earlier process has left, the oldest first. @throws StorageInUseError, StorageUnusableError */
  async open(): Promise<HeldRequest<Body>[]> {
    const { store, account, log, unit } = this.#options;
    const { requests, damaged } = await store.open();
    for (const { name, itemCount, reason } of damaged) {
      account.addIn(itemCount);
      this.#loseDamaged(name, itemCount, reason);
    }
    const items = requests.reduce((sum, { itemCount }) => sum + itemCount, 0);
    account.addIn(items);
    if (requests.length > 0) {
      log.info("requests of an earlier run are sent now", { requests: requests.length, [unit]: items });
    }
    return requests.map((stored) => ({ ...stored, request: undefined }));
  }

  /** One after the other, so that the store has them in their order. Never rejects. */
  keep(held: HeldRequest<Body>): Promise<void> {
    this.#memoryBytes += held.sizeBytes;
    this.#last = this.#last.then(() => this.#keep(held));
    return this.#last;
  }

  /** From the store. undefined: it could not be read, and was counted. Where the disk is to blame its file stays. */
  async load(held: HeldRequest<Body>): Promise<QueuedRequest<Body> | undefined> {
    const { store, form } = this.#options;
    const { key = "", itemCount, sizeBytes } = held;
    try {
      return { body: form.fromBytes(await store.read(key)), itemCount, sizeBytes };
    } catch (error) {
      this.#loseDamaged(key, itemCount, messageOf(error));
      if (!isOfFileSystem(error)) await this.forget(held);
      return undefined;
    }
  }

  /** It has come to its end. */
  async forget(held: HeldRequest<Body>): Promise<void> {
    this.drop(held);
    if (held.key === undefined) return;
    try {
      await this.#options.store.remove(held.key);
    } catch (error) {
      this.#options.log.warn("a request that is done with can't be removed, the next start sends it again", {
        request: held.key,
        reason: messageOf(error),
      });
    }
  }

  /** From memory alone. */
  drop(held: HeldRequest<Body>): void {
    if (held.request !== undefined) this.#memoryBytes -= held.sizeBytes;
    held.request = undefined;
  }

  close(): Promise<void> {
    return this.#options.store.close();
  }

  async #keep(held: HeldRequest<Body>): Promise<void> {
    const { store, form, log } = this.#options;
    // Given up at the end of a shutdown.
    if (held.request === undefined) return;
    try {
      held.key = (await store.put(form.toBytes(held.request.body), held.itemCount)).key;
      if (this.#writeFails) log.info("the queue is written to its storage again");
      this.#writeFails = false;
      if (this.#memoryBytes > CACHE_BYTES) this.drop(held);
    } catch (error) {
      if (!this.#writeFails) {
        log.warn("the queue can't be written to its storage: it waits in memory and does not survive a restart", {
          reason: messageOf(error),
        });
      }
      this.#writeFails = true;
    }
  }

  #loseDamaged(name: string, itemCount: number, reason: string): void {
    const { account, log, unit } = this.#options;
    account.addLost("storage_damaged", itemCount);
    log.error("a stored request can't be read", { request: name, [unit]: itemCount, reason });
  }
}

function isOfFileSystem(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}
