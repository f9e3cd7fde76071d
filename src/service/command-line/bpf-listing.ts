/** The listings beside the built BPF objects: programs, their sections and instructions, without loading anything. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

export interface ListedProgram {
  /** `socket_trace`. */
  readonly object: string;
  readonly program: string;
  /** `tp_btf/sock_recv_length`: where it attaches. */
  readonly section: string;
  readonly instructions: number;
  /** Lines of the listing. */
  readonly text: readonly string[];
}

const SUFFIX = ".bpf.lst";

export function readListings(folder: string): ListedProgram[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(SUFFIX));
  return files.flatMap((file) => parseListing(basename(file, SUFFIX), readFileSync(join(folder, file), "utf8")));
}

/** @param text as llvm-objdump prints it */
export function parseListing(object: string, text: string): ListedProgram[] {
  return text
    .split(/^Disassembly of section (?=\S+:$)/m)
    .slice(1)
    .flatMap((part) => {
      const [head = "", ...lines] = part.split("\n");
      const program = lines
        .map((line) => /^[0-9a-f]+ <(?!LBB)(\w+)>:$/.exec(line)?.[1])
        .find((name) => name !== undefined);
      if (program === undefined) return [];
      const instructions = lines.filter((line) => /^\s+\d+:\t/.test(line)).length;
      return [{ object, program, section: head.slice(0, -1), instructions, text: trimEnd(lines) }];
    });
}

function trimEnd(lines: readonly string[]): readonly string[] {
  const first = lines.findIndex((line) => line !== "");
  const last = lines.findLastIndex((line) => line !== "");
  return lines.slice(Math.max(0, first), last + 1);
}
