/** What is known of one process's runtime, and what is planned to find out more. */
import { UnitKind } from "../../bpf/layout.gen.ts";
import type { Watched } from "../../mapping/join/watch/watch.ts";
import { isPlan, type UnitFinding, type UnitPlan } from "./unit-plan.ts";

/** After the exec, or the first sight. Most processes that live shorter than the first are never looked at. */
const LOOKS_AFTER_MS = [20, 80, 250, 1000, 4000, 15_000] as const;
/** A runtime that was just about to begin is there before its program serves, if it is asked for again so soon. */
const BEGINS_AFTER_MS = 15;
const BEGINNING_LOOKS = 8;
const LOOKS_BEFORE_SPEAKING = 2;

/** Units that any thread may go on with. */
const WANDERS: readonly number[] = [UnitKind.goroutine, UnitKind.tokioTask];

/** Of a process: a fork, or a new program. */
export interface Beginning {
  readonly tgid: number;
  /** Names it, where it is foreseen. */
  readonly timestampNs?: number;
  /** The path of a new program. */
  readonly executable?: string | undefined;
  /** Of a fork that goes on with its parent's program. */
  readonly parentTgid?: number;
}

export interface RuntimeEntry {
  /** The path that was executed. */
  executable: string | undefined;
  /** Of its parent's plan. */
  forFork: UnitPlan["forFork"];
  looks: number;
  /** Its runtime was up before anybody looked: what is put off for new processes need not wait. */
  isOld: boolean;
  isLooking: boolean;
  /** Asked for again while it was looked at, which may have been too early. */
  isWanted: boolean;
  /** The first look is over, whatever it found. */
  wasLookedAt: boolean;
  /** It has sent or received. */
  hasSpoken: boolean;
  /** It waits for connections: its first request may come at any time. */
  listens: boolean;
  /** Looks that were too early for its runtime. */
  earlyLooks: number;
  timer: NodeJS.Timeout | undefined;
  finding: UnitFinding | undefined;
  written: string;
  /** Threads that the process was looked at for. */
  readonly threads: Set<number>;
  threadTimer: NodeJS.Timeout | undefined;
  /** Because it has begun to speak. */
  busyLooks: number;
  /** In a row, that brought nothing. */
  threadLooks: number;
  /** What its calls need to be told of. */
  readonly watched: Set<Watched>;
}

export function newEntry(): RuntimeEntry {
  return {
    executable: undefined,
    forFork: undefined,
    looks: 0,
    isOld: false,
    isLooking: false,
    isWanted: false,
    wasLookedAt: false,
    hasSpoken: false,
    listens: false,
    earlyLooks: 0,
    timer: undefined,
    finding: undefined,
    written: "",
    threads: new Set(),
    threadTimer: undefined,
    busyLooks: 0,
    threadLooks: 0,
    watched: new Set(["streams"]),
  };
}

/** What is known by now has other units than what was known `before`. */
export function isOverruled({ finding }: RuntimeEntry, before: UnitFinding | undefined): boolean {
  if (finding === undefined || before === undefined || finding === before) return false;
  return !isPlan(finding) || !isPlan(before) || finding.unitKind !== before.unitKind;
}

export function isIncomplete({ finding }: RuntimeEntry): boolean {
  return finding !== undefined && isPlan(finding) && finding.isIncomplete === true;
}

/** @returns whether a look may bring more than is known: what it serves with is loaded by now */
export function beginsToListen(entry: RuntimeEntry): boolean {
  if (entry.listens) return false;
  entry.listens = true;
  const { finding } = entry;
  return finding === undefined || !isPlan(finding) || finding.lookAgain !== undefined;
}

/** @returns false: it has spoken before */
export function beginsToSpeak(entry: RuntimeEntry): boolean {
  if (entry.hasSpoken) return false;
  entry.hasSpoken = true;
  // What its first requests load is looked for in the seconds behind them, however long the program has been there.
  entry.looks = Math.min(entry.looks, LOOKS_BEFORE_SPEAKING);
  return true;
}

/** Until the next look that nobody asks for; undefined: there were enough. */
export function nextLookMs(entry: RuntimeEntry): number | undefined {
  const { finding } = entry;
  const begins = finding !== undefined && !isPlan(finding) && finding.begins === true;
  return begins && entry.earlyLooks++ < BEGINNING_LOOKS ? BEGINS_AFTER_MS : LOOKS_AFTER_MS[entry.looks];
}

/** Not to wait for the looks at processes of which nothing is expected yet. */
export function isAwaited({ hasSpoken, listens }: RuntimeEntry): boolean {
  return hasSpoken || listens;
}

export function isUrgent(entry: RuntimeEntry): boolean {
  return entry.looks === 0 || isAwaited(entry);
}

/** Its work stays on the thread that began it. */
export function keepsThreads({ wasLookedAt, finding }: RuntimeEntry): boolean {
  if (!wasLookedAt) return false;
  if (finding === undefined) return true;
  return isPlan(finding) ? !WANDERS.includes(finding.unitKind) : finding.wanders !== true;
}
