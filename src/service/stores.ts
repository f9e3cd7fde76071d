/** Queues on disk, in the folders of the storage extensions. */
import type { RequestStore, StoreFactory } from "../exporter/request-store.ts";
import { DiskQueue } from "../exporter/storage/disk-queue.ts";
import { StorageUnusableError } from "../extension/error.ts";
import type { Extension } from "../extension/extension.ts";
import { FileStorage } from "../extension/file-storage.ts";
import type { Log } from "../log.ts";

export class Stores implements StoreFactory {
  readonly #extensions: ReadonlyMap<string, Extension>;
  readonly #log: Log;

  constructor(extensions: ReadonlyMap<string, Extension>, log: Log) {
    this.#extensions = extensions;
    this.#log = log;
  }

  open(storage: string, queue: string, format: string): RequestStore {
    const extension = this.#extensions.get(storage);
    // The configuration was checked.
    if (!(extension instanceof FileStorage)) throw new TypeError(`no storage ${storage}`);
    const { directory, fsync } = extension.settings;
    const folder = extension.folderOf(queue);
    try {
      return new DiskQueue({ folder, format, fsync, log: this.#log });
    } catch (error) {
      throw new StorageUnusableError(storage, `${directory} (${queue})`, error);
    }
  }
}
