/** file_storage: a folder where the queues of exporters lie, so that what they hold survives this process. */
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Log } from "../../log.ts";
import { StorageUnusableError } from "../../storage/error.ts";
import { parseName } from "../../storage/request-file.ts";
import { RequestFolder } from "../../storage/request-folder.ts";
import type { RequestStorage, RequestStore } from "../../storage/request-store.ts";
import { type FolderOwner, openFolderFor } from "../../storage/worker-folder.ts";
import type { Extension } from "../extension.ts";
import type { FileStorageSettings } from "./settings.ts";

interface FileStorageOptions {
  readonly settings: FileStorageSettings;
  /** Whom this process is about to become; undefined: it stays who it is. */
  readonly owner: FolderOwner | undefined;
  readonly log: Log;
}

export class FileStorage implements Extension, RequestStorage {
  readonly id: string;
  readonly address = undefined;
  readonly #options: FileStorageOptions;
  /** Folders that held requests when we came, and how many. */
  readonly #left: Map<string, number>;

  /** While the process may still make the folder. @throws StorageUnusableError */
  constructor(id: string, options: FileStorageOptions) {
    this.id = id;
    this.#options = options;
    const { directory, create_directory, directory_permissions } = options.settings;
    try {
      if (create_directory) makeFolders(resolve(directory), Number.parseInt(directory_permissions, 8));
      if (!statSync(directory).isDirectory()) throw new Error("it is no directory");
      this.#left = leftRequests(directory);
    } catch (error) {
      throw new StorageUnusableError(directory, error);
    }
  }

  store(name: string): RequestStore {
    const { settings, owner, log } = this.#options;
    const folderName = safeName(name);
    const path = join(settings.directory, folderName);
    this.#left.delete(folderName);
    try {
      return new RequestFolder({
        folder: openFolderFor(path, owner),
        name: path,
        lockTimeoutMs: settings.timeout,
        fsync: settings.fsync,
        log,
      });
    } catch (error) {
      throw new StorageUnusableError(path, error);
    }
  }

  /** What nobody asked for would lie there for ever. */
  async start(): Promise<void> {
    for (const [name, requests] of this.#left) {
      this.#options.log.warn("requests lie here that no exporter of this configuration sends", {
        folder: join(this.#options.settings.directory, name),
        requests,
      });
    }
  }

  async shutdown(): Promise<void> {}
}

/** With those above. Not Node's `recursive`: it never ends where a file system refuses a folder with ENOENT, as /proc does. */
function makeFolders(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || existsSync(dirname(path))) throw error;
    makeFolders(dirname(path), mode);
    mkdirSync(path, { mode });
  }
}

/** A tilde and the code point, as the Collector's file storage does, so that no two ids share a folder. */
function safeName(name: string): string {
  const hex = (character: string) => character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0") ?? "";
  return name.replaceAll(/[^A-Za-z0-9._-]/gu, (character) => `~${hex(character)}`);
}

function leftRequests(directory: string): Map<string, number> {
  const left = new Map<string, number>();
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const requests = namesIn(join(directory, entry.name)).filter((name) => parseName(name) !== undefined).length;
    if (requests > 0) left.set(entry.name, requests);
  }
  return left;
}

/** Of a folder that is not for us, none. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
