/** Keeps the kernel's map of processes: who is not traced, and how a process's unit of work is read. */
import { basename } from "node:path";
import { type PoolSite, ProcessFilter, UnitKind, type UnitStep } from "../bpf/layout.gen.ts";
import { type BpfMap, keyU32 } from "../bpf/map.ts";
import type { ProcessFacts } from "../ipc/process-facts.ts";
import type { ProcessSelection, SocketTraceConfig } from "../ipc/socket-trace-config.ts";
import { processControlBytes } from "./control.ts";

export class ProcessControls {
  readonly #map: BpfMap;
  readonly #include: ProcessSelection;
  readonly #exclude: ProcessSelection;
  /** Those that the map holds a filter for. */
  readonly #filtered = new Set<number>();
  readonly #own = new Set<number>();

  constructor(map: BpfMap, config: SocketTraceConfig) {
    this.#map = map;
    this.#include = config.include;
    this.#exclude = config.exclude;
    for (const tgid of config.exclude.pids) this.#filter(tgid, ProcessFilter.exclude);
  }

  /** Our own process, with all that it starts from now on. */
  excludeOwn(tgid: number): void {
    this.#own.add(tgid);
    this.#filter(tgid, ProcessFilter.excludeTree);
  }

  get ownTgids(): readonly number[] {
    return [...this.#own];
  }

  apply(facts: ProcessFacts): void {
    if (this.#own.has(facts.tgid)) return;
    if (!isSelected(facts, this.#include, this.#exclude)) this.#filter(facts.tgid, ProcessFilter.exclude);
    else if (this.#filtered.delete(facts.tgid)) this.#map.delete(keyU32(facts.tgid));
  }

  /** The programs themselves forget the steps when the process executes something else, and the entry when it ends. */
  setSteps(tgid: number, unitKind: number, steps: readonly UnitStep[], pools: readonly PoolSite[]): void {
    if (this.#filtered.has(tgid)) return;
    this.#map.set(keyU32(tgid), processControlBytes(ProcessFilter.none, unitKind, steps, pools));
  }

  #filter(tgid: number, filter: ProcessFilter): void {
    this.#map.set(keyU32(tgid), processControlBytes(filter, UnitKind.none, []));
    this.#filtered.add(tgid);
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
