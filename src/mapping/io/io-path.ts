/** The path of a file as the kernel's program gathers it: names from the file up to the reader's root, each with its NUL. */
import { FileType, type IoEvent } from "../../bpf/layout.gen.ts";

const decoder = new TextDecoder("utf-8");

/** @returns an absolute path; where its beginning was not told, `...` before the rest; `pipe:[4711]` for a pipe; "" for nothing */
export function ioPath(names: Uint8Array, event: Pick<IoEvent, "fileType" | "inode" | "isPathCut">): string {
  if (names.length === 0) return event.fileType === FileType.fifo ? `pipe:[${event.inode}]` : "";
  const parts = decoder.decode(names).split("\0");
  let path = event.isPathCut === 0 ? "" : "...";
  // The last NUL leaves an empty part behind it.
  for (let index = parts.length - 2; index >= 0; index--) path += `/${parts[index]}`;
  return path;
}
