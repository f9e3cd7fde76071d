/** What is known of one process's runtime, and what is planned to find out more. */
import type { Watched } from "../../mapping/join/watch.ts";
import { isPlan, type UnitFinding, type UnitPlan } from "./unit-plan.ts";

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
