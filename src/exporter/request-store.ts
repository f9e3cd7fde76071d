import type { ExporterDeps } from "./exporter.ts";
import type { QueuedRequest } from "./send-outcome.ts";
import type { QueueSettings } from "./settings/sending-queue.ts";

/** Keeps requests beyond the life of the process: a queue that has one takes up where the last run stopped. */
export interface RequestStore {
  /** What earlier runs have left, oldest first. */
  readonly earlier: readonly StoredRequest[];
  /** Items that earlier runs have left and that can't be read any more. */
  readonly damagedItems: number;
  /** @returns undefined where the disk takes no more; the reason has been said */
  put(request: QueuedRequest<Uint8Array>): StoredRequest | undefined;
  /** @returns undefined where what was written is damaged; the place has been said */
  read(request: StoredRequest): Uint8Array | undefined;
  /** It has come to its end: another run need not know of it. */
  remove(request: StoredRequest): void;
  close(): void;
}

/** A request in the store, without its bytes. */
export interface StoredRequest {
  readonly itemCount: number;
  readonly sizeBytes: number;
}

/** Of the component that `sending_queue.storage` names. */
export interface StoreFactory {
  /**
   * @param queue names it among all queues: `otlp_grpc/backup spans`
   * @param format of the requests' bytes, at most eight characters: those in another one can't be sent
   * @throws SockspanError where it can't be used
   */
  open(storage: string, queue: string, format: string): RequestStore;
}

/** @throws SockspanError where the storage can't be used */
export function openStore(
  { storage, enabled }: QueueSettings,
  queue: string,
  format: string,
  { stores }: Pick<ExporterDeps, "stores">,
): RequestStore | undefined {
  return storage === undefined || !enabled ? undefined : stores.open(storage, queue, format);
}
