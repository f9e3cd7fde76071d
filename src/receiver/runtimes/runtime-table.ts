/**
 * Which runtime each process runs, found out soon after it starts and written for the BPF programs. A runtime is often
 * not there yet when its process starts, so a process is looked at again until its plan stands.
 */
import type { Log } from "../../log.ts";
import { findRuntime } from "./find-runtime.ts";
import type { ProcessView } from "./process-view.ts";
import { isPlan, type UnitFinding, type UnitPlan } from "./unit-plan.ts";

/** After the exec, or the first sight. Most processes that live shorter than the first are never looked at. */
const LOOKS_AFTER_MS = [20, 80, 250, 1000, 4000, 15_000] as const;
const PARALLEL_LOOKS = 2;
const PROCESS_LIMIT = 32_768;

export interface RuntimeTableOptions {
  /** undefined: the process is gone, or has no executable. */
  readonly view: (tgid: number) => Promise<ProcessView | undefined>;
  readonly write: (tgid: number, plan: UnitPlan) => Promise<unknown>;
  readonly log: Log;
}

interface Entry {
  looks: number;
  isLooking: boolean;
  timer: NodeJS.Timeout | undefined;
  finding: UnitFinding | undefined;
  written: string;
}

export class RuntimeTable {
  readonly #options: RuntimeTableOptions;
  readonly #entries = new Map<number, Entry>();
  readonly #waiting: { tgid: number; entry: Entry }[] = [];
  #looking = 0;

  constructor(options: RuntimeTableOptions) {
    this.#options = options;
  }

  /** undefined: no runtime that we read, or not looked at yet. */
  findingOf(tgid: number): UnitFinding | undefined {
    return this.#entries.get(tgid)?.finding;
  }

  /** Nothing is written for this process, which is not traced: what is learnt of its program holds for others. */
  async study(tgid: number): Promise<void> {
    await this.#find(tgid);
  }

  /** A process that already runs: looked at at once, before those that nobody has seen do anything. */
  seen(tgid: number): void {
    const entry = this.#entries.get(tgid) ?? this.#add(tgid);
    if (entry.looks === 0 && entry.timer === undefined) this.#enqueue(tgid, entry, true);
  }

  /** Processes that were there at the start: looked at when there is nothing better to do. */
  existing(tgid: number): void {
    if (!this.#entries.has(tgid)) this.#enqueue(tgid, this.#add(tgid), false);
  }

  /** A fork that goes on with its parent's program, or a new program. */
  started(tgid: number): void {
    this.exited(tgid);
    this.#plan(tgid, this.#add(tgid));
  }

  exited(tgid: number): void {
    clearTimeout(this.#entries.get(tgid)?.timer);
    this.#entries.delete(tgid);
  }

  /** When all that waits has been looked at, at the latest after `limitMs`. */
  async settled(limitMs: number): Promise<void> {
    const step = 10;
    for (let waited = 0; waited < limitMs && this.#looking + this.#waiting.length > 0; waited += step) {
      await new Promise((resolve) => setTimeout(resolve, step));
    }
  }

  stop(): void {
    for (const { timer } of this.#entries.values()) clearTimeout(timer);
    this.#entries.clear();
    this.#waiting.length = 0;
  }

  #add(tgid: number): Entry {
    if (this.#entries.size >= PROCESS_LIMIT) this.exited(this.#entries.keys().next().value!);
    const entry: Entry = { looks: 0, isLooking: false, timer: undefined, finding: undefined, written: "" };
    this.#entries.set(tgid, entry);
    return entry;
  }

  #plan(tgid: number, entry: Entry): void {
    const delayMs = LOOKS_AFTER_MS[entry.looks];
    if (delayMs === undefined) return;
    entry.timer = setTimeout(() => this.#enqueue(tgid, entry, true), delayMs);
    entry.timer.unref();
  }

  #enqueue(tgid: number, entry: Entry, isUrgent: boolean): void {
    if (isUrgent) this.#waiting.unshift({ tgid, entry });
    else this.#waiting.push({ tgid, entry });
    this.#next();
  }

  #next(): void {
    while (this.#looking < PARALLEL_LOOKS) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (this.#entries.get(next.tgid) !== next.entry || next.entry.isLooking) continue;
      this.#looking++;
      this.#look(next.tgid, next.entry)
        .catch((error: unknown) =>
          this.#options.log.debug("a runtime was not read", { tgid: next.tgid, error: String(error) }),
        )
        .finally(() => {
          this.#looking--;
          this.#next();
        });
    }
  }

  async #look(tgid: number, entry: Entry): Promise<void> {
    entry.looks++;
    entry.isLooking = true;
    clearTimeout(entry.timer);
    const finding = await this.#find(tgid).finally(() => {
      entry.isLooking = false;
    });
    if (this.#entries.get(tgid) !== entry) return;
    entry.finding = finding;
    if (finding !== undefined && isPlan(finding)) {
      const text = JSON.stringify(finding.steps);
      if (text !== entry.written) await this.#options.write(tgid, finding);
      entry.written = text;
      if (finding.isFinal) return;
    }
    this.#plan(tgid, entry);
  }

  async #find(tgid: number): Promise<UnitFinding | undefined> {
    const view = await this.#options.view(tgid);
    return view === undefined ? undefined : findRuntime(view);
  }
}
