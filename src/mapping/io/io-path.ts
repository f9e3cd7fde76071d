/** The path of a file as the kernel's program gathers it: names from the file up to the reader's root, each with its NUL. */
import { FileType } from "../../bpf/layout.gen.ts";

const decoder = new TextDecoder("utf-8");

/** @returns an absolute path, or what the kernel calls a file without one: `pipe:[4711]` */
export function ioPath(names: Uint8Array, fileType: number, inode: number): string {
  if (names.length === 0) return fileType === FileType.fifo ? `pipe:[${inode}]` : "";
  const parts = decoder.decode(names).split("\0");
  let path = "";
  // The last NUL leaves an empty part behind it.
  for (let index = parts.length - 2; index >= 0; index--) path += `/${parts[index]}`;
  return path;
}
