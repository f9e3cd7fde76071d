/**
 * Which runtime each process runs, found out soon after it starts and written for the BPF programs. A runtime is often
 * not there yet when its process starts, so a process is looked at again until its plan stands.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Watched } from "../../mapping/join/watch/watch.ts";
import { ByExecutable } from "./by-executable.ts";
import { findRuntime } from "./find-runtime.ts";
import { FirstWatch } from "./first-watch.ts";
import { nginxPlanOf } from "./nginx.ts";
import {
  type Beginning,
  beginsToListen,
  beginsToSpeak,
  isAwaited,
  isIncomplete,
  isOverruled,
  isUrgent,
  keepsThreads,
  newEntry,
  nextLookMs,
  type RuntimeEntry,
} from "./runtime-entry.ts";
import type { RuntimeTableOptions } from "./runtime-table-options.ts";
import { pauseMs, THREADS_AFTER_MS } from "./thread-pace.ts";
import { isPlan, NO_PLAN, type UnitFinding, type UnitPlan } from "./unit-plan.ts";
import { watchedFromStart, withWatched } from "./watched-plan.ts";

/** A look can take long (Node's memory is searched): those that wait behind it are not to miss their first requests. */
const PARALLEL_LOOKS = 8;
/** Of them, at processes that have not spoken: all looks share one reader, and a first request waits for its share. */
const LOOKS_AHEAD = 2;
const PROCESS_LIMIT = 32_768;
const SETTLE_STEP_MS = 10;

const BUSY_LOOKS = 4;
const MAX_THREADS_SEEN = 4096;

export class RuntimeTable {
  readonly #options: RuntimeTableOptions;
  /** As of what has been read of the process. */
  readonly #entries = new Map<number, RuntimeEntry>();
  /** What it is by now, where that has not been read yet. */
  readonly #foreseen = new Map<number, { timestampNs: number | undefined; entry: RuntimeEntry }>();
  readonly #waiting: { tgid: number; entry: RuntimeEntry }[] = [];
  /** What is done when nothing waits. */
  readonly #later: { tgid: number; entry: RuntimeEntry; refine: () => Promise<UnitFinding> }[] = [];
  readonly #forAll = new ByExecutable<UnitPlan>();
  /** What was known at its first look need not load anything before the next one. */
  readonly #atOnce = new ByExecutable<true>();
  readonly #firstWatch = new FirstWatch((...args) => this.#setWatched(...args));
  #looking = 0;
  #lookingAhead = 0;
  #isRefining = false;

  constructor(options: RuntimeTableOptions) {
    this.#options = options;
  }

  /** undefined: no runtime that we read, or not looked at yet. */
  findingOf(tgid: number): UnitFinding | undefined {
    return this.#entries.get(tgid)?.finding;
  }

  /** Its work stays on the thread that began it. false also before it was looked at: it may be of any runtime. */
  areThreadsUnits(tgid: number): boolean {
    const entry = this.#entries.get(tgid);
    return entry === undefined || keepsThreads(entry);
  }

  /** Nothing is written for this process, which is not traced: what is learnt of its program holds for others. */
  study(tgid: number): void {
    this.#occupy(this.#find(tgid, undefined).catch(() => undefined));
  }

  /** A process that already runs: looked at at once, before those that nobody has seen do anything. */
  seen(tgid: number): void {
    const entry = this.#entries.get(tgid) ?? this.#add(tgid);
    if (!beginsToSpeak(entry)) return;
    // Its runtime is up by now, and has loaded what it serves with, whatever the last look found.
    if (entry.finding === undefined || !isPlan(entry.finding) || !entry.finding.isFinal)
      this.#enqueue(tgid, entry, true);
  }

  /** A thread has moved bytes. What the threads of a pool run is known when they are there. */
  threadSeen(tgid: number, pid: number): void {
    const entry = this.#entries.get(tgid);
    if (entry === undefined || entry.threads.has(pid)) return;
    if (entry.threads.size >= MAX_THREADS_SEEN) entry.threads.clear();
    entry.threads.add(pid);
    const { finding } = entry;
    if (finding === undefined) {
      // What speaks over sockets has its runtime up: not to wait for the next look that was planned.
      if (entry.looks === 0 || entry.busyLooks >= BUSY_LOOKS) return;
      entry.busyLooks++;
      this.#enqueue(tgid, entry, true);
    } else if (isPlan(finding) && finding.lookAgain !== undefined) {
      this.#lookAtThreads(tgid, entry, THREADS_AFTER_MS);
    }
  }

  /** It is going to serve: its runtime is up by now, and is to be known before the first request comes. */
  listens(tgid: number): void {
    const entry = this.#entries.get(tgid);
    // What its goroutines hand over is told from its first request on, and for whom async functions of Node go on.
    for (const what of ["jobs", "handovers"] as const) this.#firstWatch.begin(tgid, what);
    if (entry !== undefined && beginsToListen(entry) && this.#isNow(tgid, entry)) this.#enqueue(tgid, entry, true);
  }

  /** Whether what goroutines hand over, or which thread wakes which, is to be told of this process. */
  watch(tgid: number, what: Watched, isOn: boolean): void {
    if (what === "handovers") this.#firstWatch.isOver(tgid);
    this.#setWatched(tgid, what, isOn);
  }

  #setWatched(tgid: number, what: Watched, isOn: boolean): void {
    const entry = this.#entries.get(tgid);
    if (entry === undefined || entry.watched.has(what) === isOn) return;
    if (isOn) entry.watched.add(what);
    else entry.watched.delete(what);
    const { finding } = entry;
    if (!this.#isNow(tgid, entry)) return;
    this.#write(tgid, entry, finding !== undefined && isPlan(finding) ? finding : NO_PLAN).catch(() => {});
  }

  /** Processes that were there at the start: looked at when there is nothing better to do. */
  existing(tgid: number): void {
    if (this.#entries.has(tgid)) return;
    const entry = this.#add(tgid);
    entry.isOld = true;
    this.#enqueue(tgid, entry, false);
  }

  /** What `started` will be told of when all that came before it has been read: it is looked at from now on. */
  foreseen(beginning: Beginning): void {
    const { tgid, timestampNs } = beginning;
    const before = this.#now(tgid);
    // What it was stays known for the records of that time, and is looked at no more.
    if (before !== undefined) this.#end(tgid, before);
    const entry = newEntry();
    this.#foreseen.set(tgid, { timestampNs, entry });
    this.#begin(beginning, entry);
  }

  /** A fork, or a new program. */
  started(beginning: Beginning): void {
    const { tgid, timestampNs } = beginning;
    const foreseen = this.#foreseen.get(tgid);
    this.exited(tgid);
    const entry = this.#add(tgid, foreseen?.timestampNs === timestampNs ? foreseen?.entry : undefined);
    if (foreseen === undefined) this.#begin(beginning, entry);
    // Else it is another one already, and that is looked at.
    else if (foreseen.entry === entry) this.#foreseen.delete(tgid);
  }

  #begin({ tgid, executable, parentTgid }: Beginning, entry: RuntimeEntry): void {
    this.#options.leftOut?.delete(tgid);
    const parent = parentTgid === undefined ? undefined : this.#now(parentTgid)?.finding;
    entry.executable = executable;
    if (parent !== undefined && isPlan(parent)) entry.forFork = parent.forFork;
    // What it forks from now on has the same units, so its first requests are known too.
    const usual = executable && (nginxPlanOf(executable) ?? this.#forAll.get(executable));
    if (usual) this.#write(tgid, entry, usual).catch(() => {});
    if (this.#atOnce.get(executable)) {
      entry.looks--;
      this.#enqueue(tgid, entry, true);
    } else this.#plan(tgid, entry);
  }

  exited(tgid: number): void {
    const entry = this.#entries.get(tgid);
    if (entry !== undefined) this.#end(tgid, entry);
    this.#entries.delete(tgid);
  }

  #end(tgid: number, entry: RuntimeEntry): void {
    clearTimeout(entry.timer);
    clearTimeout(entry.threadTimer);
    this.#firstWatch.isOver(tgid);
    if (entry.written) this.#options.over?.(tgid);
    entry.written = "";
  }

  #now(tgid: number): RuntimeEntry | undefined {
    return this.#foreseen.get(tgid)?.entry ?? this.#entries.get(tgid);
  }

  #isNow(tgid: number, entry: RuntimeEntry): boolean {
    return this.#now(tgid) === entry;
  }

  /** When all that waits has been looked at, at the latest after `limitMs`. */
  async settled(limitMs: number): Promise<void> {
    const isBusy = () => this.#looking + this.#waiting.length + this.#later.length > 0;
    for (let waited = 0; waited < limitMs && isBusy(); waited += SETTLE_STEP_MS) await sleep(SETTLE_STEP_MS);
  }

  stop(): void {
    this.#firstWatch.stop();
    const foreseen = [...this.#foreseen.values()].map(({ entry }) => entry);
    for (const { timer, threadTimer } of [...this.#entries.values(), ...foreseen]) {
      clearTimeout(timer);
      clearTimeout(threadTimer);
    }
    this.#entries.clear();
    this.#foreseen.clear();
    this.#waiting.length = 0;
    this.#later.length = 0;
  }

  #add(tgid: number, entry = newEntry()): RuntimeEntry {
    if (this.#entries.size >= PROCESS_LIMIT) this.exited(this.#entries.keys().next().value!);
    this.#entries.set(tgid, entry);
    return entry;
  }

  #plan(tgid: number, entry: RuntimeEntry): void {
    const delayMs = nextLookMs(entry);
    if (delayMs === undefined) return;
    entry.timer = setTimeout(() => this.#enqueue(tgid, entry, isUrgent(entry)), delayMs);
    entry.timer.unref();
  }

  #enqueue(tgid: number, entry: RuntimeEntry, isUrgent: boolean): void {
    if (this.#options.leftOut?.has(tgid)) return;
    if (isUrgent) this.#waiting.unshift({ tgid, entry });
    else this.#waiting.push({ tgid, entry });
    this.#next();
  }

  #next(): void {
    while (this.#looking < PARALLEL_LOOKS) {
      const hasRoomAhead = this.#lookingAhead < LOOKS_AHEAD;
      const index = this.#waiting.findIndex(({ entry }) => hasRoomAhead || isAwaited(entry));
      const [next] = index < 0 ? [] : this.#waiting.splice(index, 1);
      if (next === undefined) break;
      if (!this.#isNow(next.tgid, next.entry)) continue;
      if (next.entry.isLooking) {
        next.entry.isWanted = true;
        continue;
      }
      const ahead = isAwaited(next.entry) ? 0 : 1;
      const look = this.#look(next.tgid, next.entry).catch((error: unknown) => {
        this.#options.log.debug("a runtime was not read", { tgid: next.tgid, error: String(error) });
        if (this.#isNow(next.tgid, next.entry)) this.#plan(next.tgid, next.entry);
      });
      this.#occupy(look, ahead);
    }
    this.#refineNext();
  }

  /** One at a time: where processes come and go all the time, of those that have spoken; else while there is nothing to look at. */
  #refineNext(): void {
    if (this.#isRefining) return;
    const isIdle = this.#looking === 0;
    const index = this.#later.findIndex(({ entry }) => isIdle || entry.hasSpoken);
    const [next] = index < 0 ? [] : this.#later.splice(index, 1);
    if (next === undefined) return;
    this.#isRefining = true;
    const isThere = this.#isNow(next.tgid, next.entry);
    const refined = isThere ? this.#refine(next.tgid, next.entry, next.refine) : Promise.resolve();
    this.#occupy(
      refined
        .catch((error: unknown) =>
          this.#options.log.debug("a runtime was not read closely", { tgid: next.tgid, error: String(error) }),
        )
        .finally(() => {
          this.#isRefining = false;
        }),
    );
  }

  /**
   * @param work never rejects; what waits goes on behind it
   * @param ahead 1 when it is for a process that has not spoken
   */
  #occupy(work: Promise<unknown>, ahead = 0): void {
    this.#looking++;
    this.#lookingAhead += ahead;
    work.finally(() => {
      this.#lookingAhead -= ahead;
      this.#looking--;
      this.#next();
    });
  }

  async #look(tgid: number, entry: RuntimeEntry): Promise<void> {
    entry.looks++;
    entry.isLooking = true;
    entry.isWanted = false;
    clearTimeout(entry.timer);
    const before = entry.finding;
    const found = await this.#findOf(tgid, entry).finally(() => {
      entry.isLooking = false;
      // What it is now says nothing of what it was; and a look at once that has found nothing was too early.
      if (this.#isNow(tgid, entry) && entry.looks > 0) entry.wasLookedAt = true;
    });
    // What was read closely meanwhile is more than a look can see that began before it.
    const finding = before === undefined || entry.finding === before ? found : entry.finding;
    const { isWanted } = entry;
    if (isWanted) this.#enqueue(tgid, entry, true);
    if (!this.#isNow(tgid, entry)) return;
    entry.finding = finding;
    if (entry.looks === 1 && finding !== undefined && isPlan(finding) && finding.isFinal)
      this.#atOnce.set(entry.executable, true);
    if (finding !== undefined) {
      entry.wasLookedAt = true;
      const { runtime } = finding;
      const found = isPlan(finding) ? { steps: finding.steps.length } : { off: finding.off };
      this.#options.log.debug("looked at a runtime", { tgid, look: entry.looks, runtime, ...found });
    }
    if (finding !== undefined && isPlan(finding)) {
      await this.#write(tgid, entry, finding);
      if (finding.refine !== undefined) await this.#refine(tgid, entry, finding.refine);
      const { refineLater } = finding;
      if (refineLater !== undefined && !this.#later.some((other) => other.entry === entry))
        this.#later.push({ tgid, entry, refine: refineLater });
      if (finding.isFinal) return;
    }
    if (isWanted) return;
    const isPutOff = finding !== undefined && (!isPlan(finding) || finding.steps.length === 0);
    if (entry.isOld && entry.looks === 1 && isPutOff) this.#enqueue(tgid, entry, false);
    // An old one without a runtime will hardly load one; if it does, it is looked at when it speaks.
    else if (finding !== undefined || !entry.isOld) this.#plan(tgid, entry);
  }

  /** What takes longer to find out, or shows that the first plan was wrong. */
  async #refine(tgid: number, entry: RuntimeEntry, refine: () => Promise<UnitFinding>): Promise<void> {
    const startedMs = performance.now();
    const before = entry.finding;
    const finding = await refine();
    this.#options.log.debug("read a runtime closely", { tgid, tookMs: Math.round(performance.now() - startedMs) });
    // A look that was quicker may have found another runtime meanwhile, as gevent in a fork.
    if (!this.#isNow(tgid, entry) || isOverruled(entry, before)) return;
    entry.finding = finding;
    if (entry.isOld) for (const what of watchedFromStart(finding)) this.#firstWatch.begin(tgid, what);
    await this.#write(tgid, entry, isPlan(finding) ? finding : NO_PLAN);
  }

  /** @returns whether it is another plan than before */
  async #write(tgid: number, entry: RuntimeEntry, found: UnitPlan): Promise<boolean> {
    const plan = withWatched(found, entry.watched);
    const text = JSON.stringify([plan.steps, plan.pools, plan.wakes, plan.go, plan.uprobes, plan.python, plan.java]);
    if (text === entry.written) return false;
    entry.written = text;
    await this.#options.write(tgid, plan);
    const { runtime, uprobes = [] } = plan;
    this.#options.log.debug("wrote a process's units", { tgid, runtime, uprobes: uprobes.length });
    return true;
  }

  #lookAtThreads(tgid: number, entry: RuntimeEntry, afterMs: number): void {
    if (entry.threadTimer !== undefined) return;
    entry.threadTimer = setTimeout(() => {
      const count = entry.threads.size;
      this.#findPools(tgid, entry)
        .catch(() => false)
        .then((isNew) => {
          if (!this.#isNow(tgid, entry)) return;
          entry.threadLooks = isNew ? 0 : entry.threadLooks + 1;
          // Threads that show in the pause are looked at when it is over.
          entry.threadTimer = setTimeout(() => {
            entry.threadTimer = undefined;
            if (entry.threads.size !== count || isNew || isIncomplete(entry)) this.#lookAtThreads(tgid, entry, 0);
          }, pauseMs(entry.threadLooks));
          entry.threadTimer.unref();
        });
    }, afterMs);
    entry.threadTimer.unref();
  }

  async #findPools(tgid: number, entry: RuntimeEntry): Promise<boolean> {
    const { finding } = entry;
    if (finding === undefined || !isPlan(finding) || finding.lookAgain === undefined) return false;
    const plan = await finding.lookAgain();
    if (!this.#isNow(tgid, entry) || isOverruled(entry, finding)) return false;
    entry.finding = plan;
    return this.#write(tgid, entry, plan);
  }

  async #findOf(tgid: number, { finding, forFork }: RuntimeEntry): Promise<UnitFinding | undefined> {
    if (finding === undefined && forFork !== undefined) {
      const view = await this.#options.view(tgid);
      const inherited = view && (await forFork(view));
      if (inherited !== undefined) return inherited;
    }
    return this.#find(tgid, finding);
  }

  async #find(tgid: number, earlier: UnitFinding | undefined): Promise<UnitFinding | undefined> {
    const view = await this.#options.view(tgid);
    if (view === undefined) return undefined;
    const finding = await findRuntime(view, earlier);
    if (finding !== undefined && isPlan(finding) && finding.forAll !== undefined) {
      for (const path of [view.executable, this.#now(tgid)?.executable]) this.#forAll.set(path, finding.forAll);
    }
    return finding;
  }
}
