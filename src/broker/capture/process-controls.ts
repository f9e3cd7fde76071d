/** Keeps the kernel's map of processes: who is not traced, and how a process's unit of work is read. */
import { ProcessFilter } from "../../bpf/layout.gen.ts";
import { type BpfMap, keyU32 } from "../../bpf/map.ts";
import type { ProcessFacts } from "../../ipc/process-facts.ts";
import { isSelected, type ProcessSelection } from "../../ipc/process-selection.ts";
import { type ProcessPlan, processControlBytes } from "./control.ts";

export class ProcessControls {
  readonly #map: BpfMap;
  readonly #include: ProcessSelection;
  readonly #exclude: ProcessSelection;
  /** Those that the map holds a filter for. */
  readonly #filtered = new Set<number>();
  readonly #own = new Set<number>();

  constructor(map: BpfMap, config: { readonly include: ProcessSelection; readonly exclude: ProcessSelection }) {
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
  setPlan(tgid: number, plan: ProcessPlan): boolean {
    if (this.#filtered.has(tgid)) return false;
    this.#map.set(keyU32(tgid), processControlBytes(ProcessFilter.none, plan));
    return true;
  }

  #filter(tgid: number, filter: ProcessFilter): void {
    this.#map.set(keyU32(tgid), processControlBytes(filter));
    this.#filtered.add(tgid);
  }
}
