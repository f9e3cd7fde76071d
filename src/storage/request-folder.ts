/** Requests as files of one folder: what lies there under its final name is whole, and gone when it was sent. */
import { closeSync } from "node:fs";
import { type FileHandle, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { tryLock } from "../bpf/file-lock.ts";
import { messageOf } from "../error.ts";
import type { Log } from "../log.ts";
import { StorageInUseError, StorageUnusableError } from "./error.ts";
import {
  bodyOf,
  encodeHead,
  fileOf,
  HEAD_BYTES,
  headProblem,
  keyOf,
  parseName,
  type RequestName,
} from "./request-file.ts";
import type { DamagedRequest, LeftRequests, RequestStore, StoredRequest } from "./request-store.ts";
import type { OpenFolder } from "./worker-folder.ts";

const LOCK_RETRY_MS = 50;

interface RequestFolderOptions {
  readonly folder: OpenFolder;
  /** As people know it. */
  readonly name: string;
  /** How long to wait for another process's lock. */
  readonly lockTimeoutMs: number;
  /** Survive a loss of power too, not only the end of this process. */
  readonly fsync: boolean;
  readonly log: Log;
}

type Found = { readonly request: StoredRequest } | { readonly damaged: DamagedRequest };

export class RequestFolder implements RequestStore {
  readonly #options: RequestFolderOptions;
  #sequence = 0;

  constructor(options: RequestFolderOptions) {
    this.#options = options;
  }

  async open(): Promise<LeftRequests> {
    const { name } = this.#options;
    try {
      await this.#lock();
      return await this.#look();
    } catch (error) {
      if (error instanceof StorageInUseError) throw error;
      throw new StorageUnusableError(name, error);
    }
  }

  async put(body: Uint8Array, itemCount: number): Promise<StoredRequest> {
    this.#sequence++;
    const key = keyOf(this.#sequence, itemCount);
    const part = this.#path(fileOf(key, true));
    try {
      const file = await open(part, "wx", 0o600);
      try {
        await file.writeFile(encodeHead(body, itemCount));
        await file.writeFile(body);
        if (this.#options.fsync) await file.sync();
      } finally {
        await file.close();
      }
      await rename(part, this.#path(fileOf(key)));
      await this.#syncFolder();
    } catch (error) {
      await rm(part, { force: true }).catch(() => undefined);
      throw error;
    }
    return { key, itemCount, sizeBytes: body.length };
  }

  async read(key: string): Promise<Uint8Array> {
    const itemCount = parseName(fileOf(key))?.itemCount ?? 0;
    return bodyOf(await readFile(this.#path(fileOf(key))), itemCount);
  }

  async remove(key: string): Promise<void> {
    await rm(this.#path(fileOf(key)), { force: true });
    await this.#syncFolder();
  }

  async close(): Promise<void> {
    closeSync(this.#options.folder.fd);
  }

  async #lock(): Promise<void> {
    const { folder, name, lockTimeoutMs } = this.#options;
    const endMs = performance.now() + lockTimeoutMs;
    while (!tryLock(folder.fd)) {
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) throw new StorageInUseError(name, lockTimeoutMs);
      await sleep(Math.min(LOCK_RETRY_MS, leftMs));
    }
  }

  async #look(): Promise<LeftRequests> {
    const requests: StoredRequest[] = [];
    const damaged: DamagedRequest[] = [];
    // Numbers of the same length: the names sort as the requests came.
    for (const name of (await readdir(this.#options.folder.path)).sort()) {
      const parsed = parseName(name);
      if (parsed === undefined) {
        this.#options.log.warn("this file is no request and is left alone", { file: `${this.#options.name}/${name}` });
        continue;
      }
      this.#sequence = Math.max(this.#sequence, parsed.sequence);
      const found = await this.#inspect(name, parsed).catch(
        (error): Found => ({
          damaged: { name: `${this.#options.name}/${name}`, itemCount: parsed.itemCount, reason: messageOf(error) },
        }),
      );
      if ("request" in found) requests.push(found.request);
      else damaged.push(found.damaged);
    }
    return { requests, damaged };
  }

  /** A part whose bytes are all there only lacks its name: the process was killed before it could give it. */
  async #inspect(name: string, { key, itemCount, isPart }: RequestName): Promise<Found> {
    const file = await open(this.#path(name), "r");
    let problem: string | undefined;
    let sizeBytes: number;
    try {
      const { size } = await file.stat();
      sizeBytes = size - HEAD_BYTES;
      problem = isPart ? await partProblem(file, itemCount) : headProblem(await headOf(file), itemCount, size);
    } finally {
      await file.close();
    }
    if (problem !== undefined) {
      await rm(this.#path(name), { force: true });
      return { damaged: { name: `${this.#options.name}/${name}`, itemCount, reason: problem } };
    }
    if (isPart) await rename(this.#path(name), this.#path(fileOf(key)));
    return { request: { key, itemCount, sizeBytes } };
  }

  #path(file: string): string {
    return `${this.#options.folder.path}/${file}`;
  }

  async #syncFolder(): Promise<void> {
    if (!this.#options.fsync) return;
    const folder = await open(this.#options.folder.path);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

async function headOf(file: FileHandle): Promise<Uint8Array> {
  const head = new Uint8Array(HEAD_BYTES);
  const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
  return head.subarray(0, bytesRead);
}

async function partProblem(file: FileHandle, itemCount: number): Promise<string | undefined> {
  try {
    bodyOf(await file.readFile(), itemCount);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
