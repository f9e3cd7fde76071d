/**
 * Opens what symbols are read from, for the worker, which parses it. Paths of a process are resolved within its own
 * root, so that no link leads out of it. Runs in the reader process only: any of these may hang.
 */
import { type BigIntStats, closeSync, constants, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { openInRoot } from "../../bpf/open-in-root.ts";
import type { OpenedFile, ProcessImages, RefusedFile, SymbolRead } from "../../ipc/messages.ts";
import { type FileCheck, type OpenedFiles, refusalOf } from "./opened-files.ts";

type Opened = OpenedFile | RefusedFile;

const NONE: RefusedFile = { refused: "none" };
/** open(2), the same number on x86-64 and arm64; not among Node's constants. */
const O_PATH = 0o10000000;
const IMAGE_LIMIT = 512;
/** start-end, permissions, offset, device, inode, path: of executable mappings of files. */
const EXECUTABLE = /^0*([0-9a-f]+)-0*([0-9a-f]+) ..x. [0-9a-f]+ \S+ (\d+) *(.*)$/;
const DEBUG_FOLDER = "/usr/lib/debug";

export class SymbolFiles {
  readonly #files: OpenedFiles;
  /** The folder of each image, as its process names it: where its debug file may lie. */
  readonly #folders = new Map<string, string>();

  constructor(files: OpenedFiles) {
    this.#files = files;
  }

  images(tgid: number): ProcessImages | null {
    const text = readText(`/proc/${tgid}/maps`);
    if (text === "") return null;
    const lines: string[] = [];
    const images: ({ start: string } & Opened)[] = [];
    for (const line of text.split("\n")) {
      const [, start, end, inode, path] = EXECUTABLE.exec(line) ?? [];
      if (start === undefined || path === undefined) continue;
      lines.push(line);
      if (inode === "0" || images.length >= IMAGE_LIMIT) continue;
      // map_files has no leading zeros, maps has.
      const opened = this.#image(tgid, `${start}-${end}`, Number(inode), path);
      if ("file" in opened) this.#rememberFolder(opened.file, dirname(path));
      images.push({ start, ...opened });
    }
    return { mappings: lines.join("\n"), images };
  }

  /** Written by the process itself or not at all: no link, no FIFO, no other owner. */
  perfMap(tgid: number): Opened {
    let owner: bigint;
    try {
      owner = effectiveUid(tgid);
    } catch {
      return NONE;
    }
    const path = `tmp/perf-${namespacePid(tgid)}.map`;
    return this.#inRoot(tgid, path, false, ({ uid, nlink }: BigIntStats) => {
      if (uid !== owner) return "other_owner";
      // A hard link to a file of somebody else would have that owner; one to the process's own is odd enough.
      return nlink > 1n ? "too_many_links" : undefined;
    });
  }

  debugFile({ tgid, image, buildId, linkName }: Extract<SymbolRead, { type: "debug_file" }>): Opened {
    if (buildId !== undefined) {
      const path = `${DEBUG_FOLDER}/.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}.debug`;
      const found = first([() => this.#inRoot(tgid, path, true), () => this.#inRoot(process.pid, path, true)]);
      if ("file" in found) return found;
    }
    const folder = this.#folders.get(image);
    if (linkName === undefined || folder === undefined) return NONE;
    const paths = [`${folder}/${linkName}`, `${folder}/.debug/${linkName}`, `${DEBUG_FOLDER}${folder}/${linkName}`];
    return first(paths.map((path) => () => this.#inRoot(tgid, path, true)));
  }

  kernelSymbols(): Opened {
    return this.#files.openKernelFile("/proc/kallsyms");
  }

  /** The very file that is mapped, be it deleted or replaced: map_files leads to its inode. */
  #image(tgid: number, range: string, inode: number, path: string): Opened {
    try {
      const fd = openSync(`/proc/${tgid}/map_files/${range}`, O_PATH);
      try {
        return this.#files.openNamed(fd);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      if (refusalOf(error) !== "no_permission") return NONE;
      // map_files needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN in the first user namespace.
      return this.#inRoot(tgid, path, true, ({ ino }) => (ino === BigInt(inode) ? undefined : "replaced"));
    }
  }

  #inRoot(tgid: number, path: string, allowsLinks: boolean, check?: FileCheck): Opened {
    let root: number;
    try {
      root = openSync(`/proc/${tgid}/root`, O_PATH | constants.O_DIRECTORY);
    } catch (error) {
      return { refused: refusalOf(error) };
    }
    const fd = openInRoot(root, path, { allowsLinks });
    closeSync(root);
    if (fd < 0) return fd === -ELOOP ? { refused: "symlink" } : fd === -EACCES ? { refused: "no_permission" } : NONE;
    try {
      return this.#files.openNamed(fd, check);
    } finally {
      closeSync(fd);
    }
  }

  #rememberFolder(file: string, folder: string): void {
    this.#folders.delete(file);
    this.#folders.set(file, folder);
    if (this.#folders.size > 2 * IMAGE_LIMIT) this.#folders.delete(this.#folders.keys().next().value ?? "");
  }
}

const EACCES = 13;
const ELOOP = 40;

function first(attempts: readonly (() => Opened)[]): Opened {
  let outcome: Opened = NONE;
  for (const attempt of attempts) {
    const opened = attempt();
    if ("file" in opened) return opened;
    if (opened.refused !== "none") outcome = opened;
  }
  return outcome;
}

/** proc_pid_status(5): the last number of NSpid is the one in its own namespace. */
function namespacePid(tgid: number): number {
  const pids = /^NSpid:\s+(.*)$/m.exec(readText(`/proc/${tgid}/status`))?.[1]?.split(/\s+/) ?? [];
  return Number(pids.at(-1) ?? tgid);
}

/** Uid: real, effective, saved, file system. */
function effectiveUid(tgid: number): bigint {
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(readText(`/proc/${tgid}/status`))?.[1];
  if (uid === undefined) throw new Error("gone");
  return BigInt(uid);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
