/** Where requests lie that shall outlast this process: what an exporter's queue knows of a storage extension. */

/** A request that lies there. */
export interface StoredRequest {
  readonly key: string;
  readonly itemCount: number;
  readonly sizeBytes: number;
}

/** What was a request, and can't be read any more. */
export interface DamagedRequest {
  /** For people: its file. */
  readonly name: string;
  readonly itemCount: number;
  readonly reason: string;
}

/** What an earlier process has left. */
export interface LeftRequests {
  /** The oldest first. */
  readonly requests: readonly StoredRequest[];
  readonly damaged: readonly DamagedRequest[];
}

/** The requests of one exporter and signal. */
export interface RequestStore {
  /** Before anything else. @throws StorageInUseError, StorageUnusableError */
  open(): Promise<LeftRequests>;
  /** Resolves when it would survive this process. Rejects when it can't be written. */
  put(body: Uint8Array, itemCount: number): Promise<StoredRequest>;
  /** @throws Error, whatever it is: the request can't be read */
  read(key: string): Promise<Uint8Array>;
  remove(key: string): Promise<void>;
  close(): Promise<void>;
}

export interface RequestStorage {
  /** Called while the process may still make folders; the same name is given once. @throws StorageUnusableError */
  store(name: string): RequestStore;
}
