/**
 * Files that the configuration names, opened and read while the process may still do so: afterwards it is another
 * user. Serves as the exporters' FileAccess.
 */
import { chownSync, fchownSync, mkdirSync } from "node:fs";
import type { FileAccess } from "../exporter/exporter.ts";
import { localFiles } from "../exporter/local-files.ts";
import type { Config } from "./config/config.ts";
import type { FileOwner } from "./sudo-user.ts";

interface OpenFile {
  readonly isAppend: boolean;
  readonly fd: number;
}

type Outcome<T> = { readonly value: T } | { readonly error: unknown };

export class PreparedFiles implements FileAccess {
  readonly #read = new Map<string, Outcome<Buffer>>();
  readonly #open = new Map<string, Outcome<OpenFile>>();

  /**
   * @param owner who started us through sudo: a file that we make is theirs
   * @param kept files that are gone on with whatever the configuration says
   */
  static async prepare(
    config: Config,
    owner: FileOwner | undefined,
    worker: FileOwner | undefined,
    kept: readonly string[] = [],
  ) {
    const files = new PreparedFiles();
    for (const { type, settings } of config.exporters.values()) {
      for (const path of pathsToRead(settings)) files.#read.set(path, await outcome(localFiles.read(path)));
      if (type === "pprof") prepareFolder((settings as { readonly directory: string }).directory, worker);
      if (type !== "file") continue;
      const { path, append } = settings as { readonly path: string; readonly append: boolean };
      const isAppend = append || kept.includes(path);
      const opened = await outcome(localFiles.open(path, isAppend).then((fd) => ({ fd, isAppend })));
      if ("value" in opened && owner !== undefined) fchownSync(opened.value.fd, owner.uid, owner.gid);
      files.#open.set(path, opened);
    }
    return files;
  }

  async read(path: string): Promise<Buffer> {
    const prepared = this.#read.get(path);
    return prepared === undefined ? localFiles.read(path) : unwrap(prepared);
  }

  /** The first time the descriptor that was prepared; later (rotation) as this user may. */
  async open(path: string, append: boolean): Promise<number> {
    const prepared = this.#open.get(path);
    this.#open.delete(path);
    if (prepared === undefined) return localFiles.open(path, append);
    return unwrap(prepared).fd;
  }

  rename(from: string, to: string): Promise<void> {
    return localFiles.rename(from, to);
  }

  list(directory: string): Promise<string[]> {
    return localFiles.list(directory);
  }

  remove(path: string): Promise<void> {
    return localFiles.remove(path);
  }
}

/** Of a folder that we make, the worker becomes the owner; one that is there has the owner that it has. */
function prepareFolder(path: string, worker: FileOwner | undefined): void {
  try {
    const made = mkdirSync(path, { recursive: true, mode: 0o750 });
    if (made !== undefined && worker !== undefined) chownSync(path, worker.uid, worker.gid);
  } catch {
    // The exporter finds that it can't write there, and says so.
  }
}

/** Every `..._file` of the settings, at any depth. */
function pathsToRead(settings: unknown): string[] {
  if (typeof settings !== "object" || settings === null) return [];
  return Object.entries(settings).flatMap(([key, value]) =>
    typeof value === "string" && key.endsWith("_file") ? [value] : pathsToRead(value),
  );
}

async function outcome<T>(promise: Promise<T>): Promise<Outcome<T>> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

function unwrap<T>(prepared: Outcome<T>): T {
  if ("error" in prepared) throw prepared.error;
  return prepared.value;
}
