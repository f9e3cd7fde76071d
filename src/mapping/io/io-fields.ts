/** A read or write as a span says it, by the semantic conventions for files (semconv, registry/attributes/file). */
import { FileType, type IoEvent, IoOperation } from "../../bpf/layout.gen.ts";
import type { SpanFields } from "../protocols/protocol.ts";
import type { Attribute } from "../span.ts";
import { ioPath } from "./io-path.ts";

const FILE_TYPES: ReadonlyMap<number, string> = new Map([
  [FileType.regular, "regular"],
  [FileType.fifo, "fifo"],
  [FileType.characterDevice, "character_device"],
  [FileType.blockDevice, "block_device"],
]);

/** What reads and writes fail with (include/uapi/asm-generic/errno*.h); others keep their number. */
const ERRORS: ReadonlyMap<number, string> = new Map([
  [1, "EPERM"],
  [5, "EIO"],
  [6, "ENXIO"],
  [9, "EBADF"],
  [12, "ENOMEM"],
  [13, "EACCES"],
  [14, "EFAULT"],
  [19, "ENODEV"],
  [21, "EISDIR"],
  [22, "EINVAL"],
  [27, "EFBIG"],
  [28, "ENOSPC"],
  [30, "EROFS"],
  [32, "EPIPE"],
  [61, "ENODATA"],
  [75, "EOVERFLOW"],
  [108, "ESHUTDOWN"],
  [110, "ETIMEDOUT"],
  [116, "ESTALE"],
  [121, "EREMOTEIO"],
  [122, "EDQUOT"],
]);

/** @param names as the event brings them, valid during the call only */
export function ioFields(event: IoEvent, names: Uint8Array): SpanFields {
  const operation = event.operation === IoOperation.write ? "write" : "read";
  const path = ioPath(names, event);
  const attributes: Attribute[] = [
    ["sockspan.io.operation", operation],
    ["sockspan.io.bytes", event.length],
    ["sockspan.io.file_type", FILE_TYPES.get(event.fileType) ?? "unknown"],
    ["file.inode", String(event.inode)],
  ];
  if (path !== "") attributes.push(["file.path", path]);
  const slash = path.lastIndexOf("/");
  if (slash >= 0) {
    attributes.push(["file.name", path.slice(slash + 1)], ["file.directory", path.slice(0, slash) || "/"]);
  }
  // IO_NO_OFFSET is beyond what a file can be long.
  if (Number.isSafeInteger(event.fileOffset)) attributes.push(["sockspan.io.offset", event.fileOffset]);
  if (event.error !== 0) attributes.push(["error.type", errorName(event.error)]);
  attributes.push(["thread.id", event.header.pid]);
  if (event.coroutineId !== 0) attributes.push(["sockspan.coroutine.id", event.coroutineId]);
  return { name: operation, attributes, isError: event.error !== 0 };
}

function errorName(errno: number): string {
  return ERRORS.get(errno) ?? String(errno);
}
