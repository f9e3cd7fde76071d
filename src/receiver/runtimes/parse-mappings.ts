/** /proc/PID/maps (proc_pid_maps(5)). Paths come from the process: they may be anything but a newline. */
import type { MemoryMapping } from "./process-view.ts";

const LINE = /^([0-9a-f]+)-([0-9a-f]+) .(.)(.). ([0-9a-f]+) (\S+ \d+) *(.*)$/;
const DELETED = " (deleted)";

export function parseMappings(text: string): readonly MemoryMapping[] {
  const mappings: MemoryMapping[] = [];
  for (const line of text.split("\n")) {
    const [, start, end, write, execute, offset, inode, path] = LINE.exec(line) ?? [];
    if (start === undefined || end === undefined || offset === undefined || inode === undefined || path === undefined)
      continue;
    mappings.push({
      start: Number.parseInt(start, 16),
      end: Number.parseInt(end, 16),
      isWritable: write === "w",
      isExecutable: execute === "x",
      fileOffset: Number.parseInt(offset, 16),
      inode,
      path: path.endsWith(DELETED) ? path.slice(0, -DELETED.length) : path,
    });
  }
  return mappings;
}
