/** How a session ends when several things ask for it. */
import { ExitCode } from "../service/command-line/exit-code.ts";

/** refused: what it was told to use can't be used. */
export const SessionEnd = { done: "done", failed: "failed", refused: "refused", reload: "reload" } as const;
export type SessionEnd = (typeof SessionEnd)[keyof typeof SessionEnd];

export function exitCodeOfEnd(end: SessionEnd): ExitCode {
  if (end === SessionEnd.done) return ExitCode.fine;
  return end === SessionEnd.refused ? ExitCode.wrongUse : ExitCode.failed;
}

/** What a signal that asks for the end leads to. */
export const StopOrder = { drain: "drain", goOnDraining: "go_on_draining", force: "force" } as const;
export type StopOrder = (typeof StopOrder)[keyof typeof StopOrder];

export class EndRequests {
  #end: SessionEnd | undefined;
  #stopSignals = 0;

  get end(): SessionEnd | undefined {
    return this.#end;
  }

  /** Nothing new begins any more. */
  get isFinal(): boolean {
    return this.#end !== undefined && this.#end !== SessionEnd.reload;
  }

  /** Whoever wants it over is stronger than who wants it anew; else the first holds. */
  ask(end: SessionEnd): void {
    if (!this.isFinal && (this.#end === undefined || end === SessionEnd.done)) this.#end = end;
  }

  /** What it was for can't be had: that is said by the end, whatever else asked for it. */
  fail(): void {
    this.#end = SessionEnd.failed;
  }

  /** Only a second signal does not wait: the first may come while something else has begun the end. */
  stopSignal(): StopOrder {
    this.#stopSignals += 1;
    if (this.#stopSignals > 1) return StopOrder.force;
    if (this.isFinal) return StopOrder.goOnDraining;
    this.ask(SessionEnd.done);
    return StopOrder.drain;
  }
}
