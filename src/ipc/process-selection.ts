/** Which processes a receiver looks at, by its configuration. */
import { basename } from "node:path";
import { z } from "zod";
import type { ProcessFacts } from "./process-facts.ts";

/** auto: the own pid namespace, unless that is the host's. */
export const processScope = z.enum(["auto", "host", "pid_namespace", "cgroup"]);
export type ProcessScope = z.output<typeof processScope>;

/** Each list narrows by itself: a process passes when it matches one entry of each list that is not empty. */
export const processSelection = z.strictObject({
  /** Base name or absolute path of the executable. */
  executables: z.array(z.string().min(1)).default([]),
  pids: z.array(z.int().positive()).default([]),
  /** Container id, or its first 12 digits. */
  containers: z.array(z.string().min(12)).default([]),
});
export type ProcessSelection = z.output<typeof processSelection>;

type SelectedBy = Pick<ProcessFacts, "tgid" | "executablePath" | "cgroupPath">;

export function isSelected(facts: SelectedBy, include: ProcessSelection, exclude: ProcessSelection): boolean {
  const isIncluded =
    (include.executables.length === 0 || matchesExecutable(facts, include.executables)) &&
    (include.pids.length === 0 || include.pids.includes(facts.tgid)) &&
    (include.containers.length === 0 || matchesContainer(facts, include.containers));
  const isExcluded =
    matchesExecutable(facts, exclude.executables) ||
    exclude.pids.includes(facts.tgid) ||
    matchesContainer(facts, exclude.containers);
  return isIncluded && !isExcluded;
}

function matchesExecutable({ executablePath }: SelectedBy, executables: readonly string[]): boolean {
  if (executablePath === undefined) return false;
  return executables.some((wanted) => wanted === executablePath || wanted === basename(executablePath));
}

function matchesContainer({ cgroupPath }: SelectedBy, containers: readonly string[]): boolean {
  return containers.some((id) => cgroupPath?.includes(id) === true);
}
