/** file_storage: the folder in which queues are kept beyond a run; the Collector's keys. */
import { chmodSync, chownSync, constants, mkdirSync, openSync, statSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { durationMs } from "../config-value.ts";
import { StorageInUseError, StorageUnusableError } from "./error.ts";
import type { Extension } from "./extension.ts";

const RETRY_MS = 50;

export const fileStorageSettings = z.strictObject({
  directory: z.string().min(1).default("/var/lib/sockspan/file_storage"),
  create_directory: z.boolean().default(true),
  directory_permissions: z
    .string()
    .regex(/^0?[0-7]{3}$/, 'is no mode, write it as "0750"')
    .default("0750"),
  /** How long to wait for another sockspan to let the folder go. */
  timeout: durationMs().prefault("1s"),
  /** Each request reaches the disk itself before it counts. */
  fsync: z.boolean().default(false),
});

export type FileStorageSettings = z.output<typeof fileStorageSettings>;

export interface StorageOwner {
  readonly uid: number;
  readonly gid: number;
}

export class FileStorage implements Extension {
  readonly id: string;
  readonly address = undefined;
  readonly settings: FileStorageSettings;
  readonly #owner: StorageOwner;
  readonly #lock: Server;

  private constructor(id: string, settings: FileStorageSettings, owner: StorageOwner, lock: Server) {
    this.id = id;
    this.settings = settings;
    this.#owner = owner;
    this.#lock = lock;
  }

  /**
   * Takes the folder for this process alone.
   *
   * @param owner who will write there
   * @throws StorageUnusableError, StorageInUseError
   */
  static async open(id: string, settings: FileStorageSettings, owner: StorageOwner): Promise<FileStorage> {
    const { directory, timeout } = settings;
    try {
      if (settings.create_directory) makeFolder(directory, modeOf(settings));
      const { dev, ino } = statSync(directory);
      const lock = await lockOf(`${dev}:${ino}`, timeout);
      if (lock === undefined) throw new StorageInUseError(id, directory);
      return new FileStorage(id, settings, owner, lock);
    } catch (error) {
      if (error instanceof StorageInUseError) throw error;
      throw new StorageUnusableError(id, directory, error);
    }
  }

  /**
   * A folder of the owner's, as a path that needs no right to the folders above: those may be root's alone.
   *
   * @param name any text
   * @throws StorageUnusableError
   */
  folderOf(name: string): string {
    const path = `${this.settings.directory}/${name.replaceAll(/[^A-Za-z0-9.-]/g, "_")}`;
    try {
      makeFolder(path, modeOf(this.settings));
      chownSync(path, this.#owner.uid, this.#owner.gid);
      return `/proc/self/fd/${openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)}`;
    } catch (error) {
      throw new StorageUnusableError(this.id, path, error);
    }
  }

  async start(): Promise<void> {}

  shutdown(): Promise<void> {
    return new Promise((resolve) => this.#lock.close(() => resolve()));
  }
}

function modeOf({ directory_permissions }: FileStorageSettings): number {
  return Number.parseInt(directory_permissions, 8);
}

function makeFolder(path: string, mode: number): void {
  // Whatever the umask is.
  if (mkdirSync(path, { recursive: true, mode }) !== undefined) chmodSync(path, mode);
}

/**
 * An abstract socket's name is one process's alone, and free again when that ends, however it ends.
 *
 * @returns undefined where another one has it
 */
async function lockOf(folder: string, timeoutMs: number): Promise<Server | undefined> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const lock = await listenAt(`\0sockspan/file_storage/${folder}`);
    if (lock !== undefined || performance.now() >= endMs) return lock;
    await sleep(RETRY_MS);
  }
}

function listenAt(name: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy()).unref();
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(name, () => resolve(server));
  });
}
