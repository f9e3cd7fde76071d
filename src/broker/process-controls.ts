/** Keeps the kernel's map of processes: who is not traced, and how a Go program's goroutine is read. */
import { basename } from "node:path";
import { ProcessFilter } from "../bpf/layout.gen.ts";
import { type BpfMap, keyU32 } from "../bpf/map.ts";
import type { ProcessFacts } from "../ipc/process-facts.ts";
import type { ProcessSelection, SocketTraceConfig } from "../ipc/socket-trace-config.ts";
import { goidOffset, processControlBytes } from "./control.ts";

export class ProcessControls {
  readonly #map: BpfMap;
  readonly #include: ProcessSelection;
  readonly #exclude: ProcessSelection;
  readonly #written = new Set<number>();
  readonly #own = new Set<number>();

  constructor(map: BpfMap, config: SocketTraceConfig) {
    this.#map = map;
    this.#include = config.include;
    this.#exclude = config.exclude;
    for (const tgid of config.exclude.pids) this.#write(tgid, ProcessFilter.exclude, undefined);
  }

  /** Our own process, with all that it starts from now on. */
  excludeOwn(tgid: number): void {
    this.#own.add(tgid);
    this.#write(tgid, ProcessFilter.excludeTree, undefined);
  }

  get ownTgids(): readonly number[] {
    return [...this.#own];
  }

  apply(facts: ProcessFacts): void {
    if (this.#own.has(facts.tgid)) return;
    const filter = isSelected(facts, this.#include, this.#exclude) ? ProcessFilter.none : ProcessFilter.exclude;
    const offset = facts.goVersion === undefined ? undefined : goidOffset(facts.goVersion);
    if (filter !== ProcessFilter.none || offset !== undefined) this.#write(facts.tgid, filter, offset);
    else if (this.#written.delete(facts.tgid)) this.#map.delete(keyU32(facts.tgid));
  }

  #write(tgid: number, filter: ProcessFilter, offset: number | undefined): void {
    this.#map.set(keyU32(tgid), processControlBytes(filter, offset));
    this.#written.add(tgid);
  }
}

/** Ports are not a process's: the receiver looks at them. */
export function isSelected(facts: ProcessFacts, include: ProcessSelection, exclude: ProcessSelection): boolean {
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

function matchesExecutable(facts: ProcessFacts, executables: readonly string[]): boolean {
  const path = facts.executablePath;
  if (path === undefined) return false;
  return executables.some((wanted) => wanted === path || wanted === basename(path));
}

function matchesContainer(facts: ProcessFacts, containers: readonly string[]): boolean {
  return containers.some((id) => facts.cgroupPath?.includes(id) === true);
}
