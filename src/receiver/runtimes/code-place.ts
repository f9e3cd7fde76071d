/** Code of a process, as a place of a file that it has mapped: what a uprobe is attached to. */
import type { ProcessView } from "./process-view.ts";

/** In a mapping of the process. */
export interface CodePlace {
  readonly start: number;
  readonly end: number;
  /** In the file. */
  readonly offset: number;
}

/** @returns undefined where no file with code is mapped at this address */
export async function placeAt(process: ProcessView, address: number): Promise<CodePlace | undefined> {
  const mappings = await process.mappings();
  const holder = mappings.find(({ isExecutable, start, end }) => isExecutable && address >= start && address < end);
  if (holder === undefined) return undefined;
  const { start, end, fileOffset } = holder;
  return { start, end, offset: address - start + fileOffset };
}
