/** A ProcessView of a child of the test: /proc read directly, as the broker would. */
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from "node:fs";
import type { ByteSource } from "../../src/receiver/elf/byte-source.ts";
import { parseMappings } from "../../src/receiver/runtimes/parse-mappings.ts";
import type { ProcessView } from "../../src/receiver/runtimes/process-view.ts";

function readAt(path: string, offset: number, lengthBytes: number): Uint8Array {
  const fd = openSync(path, "r");
  try {
    const sizeBytes = fstatSync(fd).size;
    const wanted = sizeBytes > 0 ? Math.max(0, Math.min(lengthBytes, sizeBytes - offset)) : lengthBytes;
    const bytes = Buffer.alloc(wanted);
    const length = readSync(fd, bytes, 0, wanted, offset as unknown as number);
    return bytes.subarray(0, length);
  } catch {
    return new Uint8Array();
  } finally {
    closeSync(fd);
  }
}

export function fileSource(path: string): ByteSource {
  return { read: (offset, lengthBytes) => Promise.resolve(readAt(path, offset, lengthBytes)) };
}

export function localProcess(tgid: number): ProcessView {
  return {
    tgid,
    executable: readlinkSync(`/proc/${tgid}/exe`),
    mappings: () => Promise.resolve(parseMappings(readFileSync(`/proc/${tgid}/maps`, "utf8"))),
    file: (path) => Promise.resolve(fileSource(`/proc/${tgid}/root${path}`)),
    memory: (address, lengthBytes) => Promise.resolve(readAt(`/proc/${tgid}/mem`, address, lengthBytes)),
    threads: () => Promise.resolve(readdirSync(`/proc/${tgid}/task`).map(Number)),
    again: () => localProcess(tgid),
  };
}
