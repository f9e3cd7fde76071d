/** Raw bytes of a process for the worker, which parses them. Runs in the reader process only: any of these may hang. */
import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import type { ProcessRead, Replies } from "../../ipc/messages.ts";

const THREAD_LIMIT = 4096;
const MAPPINGS_LIMIT_BYTES = 4 << 20;

/** What can't be read is empty: the process may be gone at any moment. */
export function readProcess(read: ProcessRead): Replies[ProcessRead["type"]] {
  const folder = `/proc/${read.tgid}`;
  switch (read.type) {
    case "process_mappings":
      return readWhole(`${folder}/maps`, MAPPINGS_LIMIT_BYTES).toString("utf8");
    case "process_threads":
      return threads(folder);
    case "mapped_file": {
      const range = `${read.start.toString(16)}-${read.end.toString(16)}`;
      return readAt(`${folder}/map_files/${range}`, read.offset, read.lengthBytes).toString("base64");
    }
    case "memory":
      return readAt(`${folder}/mem`, read.address, read.lengthBytes).toString("base64");
  }
}

/** Process ids of the own pid namespace, as /proc lists them. */
export function listProcesses(): number[] {
  return readdirSync("/proc").map(Number).filter(Number.isSafeInteger);
}

function threads(folder: string): number[] {
  try {
    return readdirSync(`${folder}/task`).slice(0, THREAD_LIMIT).map(Number);
  } catch {
    return [];
  }
}

function withFile(path: string, use: (fd: number) => Buffer): Buffer {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return Buffer.alloc(0);
  }
  try {
    return use(fd);
  } catch {
    return Buffer.alloc(0);
  } finally {
    closeSync(fd);
  }
}

function readAt(path: string, offset: number, lengthBytes: number): Buffer {
  return withFile(path, (fd) => {
    const bytes = Buffer.allocUnsafe(lengthBytes);
    // An address above 2^53 would not be exact; user space ends far below.
    return bytes.subarray(0, readSync(fd, bytes, 0, lengthBytes, offset));
  });
}

function readWhole(path: string, limitBytes: number): Buffer {
  return withFile(path, (fd) => {
    const parts: Buffer[] = [];
    for (let length = 0; length < limitBytes; ) {
      const part = Buffer.allocUnsafe(64 * 1024);
      const got = readSync(fd, part, 0, part.length, null);
      if (got === 0) break;
      parts.push(part.subarray(0, got));
      length += got;
    }
    return Buffer.concat(parts);
  });
}
