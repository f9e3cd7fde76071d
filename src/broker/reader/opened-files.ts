/** Files that the reader keeps open for the worker. Runs in the reader process only. */
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { OpenedFile, RefusedFile } from "../../ipc/messages.ts";

/** A file that is open keeps its file system from being unmounted. */
const IDLE_LIMIT_MS = 30_000;
const IDLE_CHECK_MS = 5_000;
/** Of a process's 1024 descriptors (the usual soft limit) at most half. */
const OPEN_LIMIT = 512;

interface Entry {
  readonly file: string;
  readonly fd: number;
  /** Device and inode, or the path of a kernel file. While it is open, no other file can have them. */
  readonly key: string;
  usedAtMs: number;
}

/** Says why a file is not for us; undefined: it may be read. */
export type FileCheck = (stats: BigIntStats) => string | undefined;

/** Those that nobody asks for are closed after a while; when there are too many, the one that was longest not asked for. */
export class OpenedFiles {
  readonly #entries = new Map<string, Entry>();
  readonly #byKey = new Map<string, Entry>();
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * A file that a descriptor names (O_PATH): regular ones only, so that no FIFO hangs and no device is touched.
   * The descriptor is the caller's.
   */
  openNamed(pathFd: number, check: FileCheck = () => undefined): OpenedFile | RefusedFile {
    const stats = fstatSync(pathFd, { bigint: true });
    if (!stats.isFile()) return { refused: stats.isSymbolicLink() ? "symlink" : "not_regular" };
    const refused = check(stats);
    if (refused !== undefined) return { refused };
    const identity = `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}`;
    return this.#keep(`${stats.dev}:${stats.ino}`, `/proc/self/fd/${pathFd}`, Number(stats.size), identity);
  }

  /** A file of the kernel's own, by its path. */
  openKernelFile(path: string): OpenedFile | RefusedFile {
    return this.#keep(path, path, 0, path);
  }

  /** Short at the end of the file; empty when it is not open any more. */
  read(file: string, offset: number, lengthBytes: number): Buffer {
    const entry = this.#entries.get(file);
    if (entry === undefined) return Buffer.alloc(0);
    this.#use(entry);
    const bytes = Buffer.allocUnsafe(lengthBytes);
    let length = 0;
    try {
      while (length < lengthBytes) {
        const got = readSync(entry.fd, bytes, length, lengthBytes - length, offset + length);
        if (got === 0) break;
        length += got;
      }
    } catch {
      // A file that was cut while it was read, or a disk that fails: what is there is given.
    }
    return bytes.subarray(0, length);
  }

  #keep(key: string, path: string, sizeBytes: number, identity: string): OpenedFile | RefusedFile {
    let entry = this.#byKey.get(key);
    if (entry === undefined) {
      let fd: number;
      try {
        fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      } catch (error) {
        return { refused: refusalOf(error) };
      }
      this.#count++;
      entry = { file: `${process.pid}.${this.#count}`, fd, key, usedAtMs: 0 };
      this.#byKey.set(key, entry);
      this.#timer ??= setInterval(() => this.closeIdle(performance.now()), IDLE_CHECK_MS).unref();
    }
    this.#use(entry);
    if (this.#entries.size > OPEN_LIMIT) this.#closeOldest();
    return { file: entry.file, sizeBytes, identity };
  }

  closeIdle(nowMs: number): void {
    for (const { usedAtMs } of this.#entries.values()) {
      if (nowMs - usedAtMs < IDLE_LIMIT_MS) return;
      this.#closeOldest();
    }
  }

  #use(entry: Entry): void {
    entry.usedAtMs = performance.now();
    this.#entries.delete(entry.file);
    this.#entries.set(entry.file, entry);
  }

  #closeOldest(): void {
    const [oldest] = this.#entries.values();
    if (oldest === undefined) return;
    this.#entries.delete(oldest.file);
    this.#byKey.delete(oldest.key);
    closeSync(oldest.fd);
  }
}

export function refusalOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EACCES" || code === "EPERM") return "no_permission";
  return code === "EMFILE" || code === "ENFILE" ? "too_many_open" : "none";
}
