/**
 * Whether hand-overs between goroutines are worth their cost in a process: only where calls come, while it serves, from
 * goroutines of which nothing else is known, and only as long as that brings something.
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import type { Handovers } from "./handovers.ts";
import type { TraceNode } from "./trace-node.ts";

const ENOUGH = 2;
/** So many without one join: what makes these calls gets nothing from requests. */
const IN_VAIN = 512;

export class HandoverWatch {
  #strays = 0;
  #isOn = false;
  #isOver = false;

  /** @returns whether they are to be watched from now on; undefined: as before */
  called(call: TraceNode, handovers: Pick<Handovers, "joined">): boolean | undefined {
    if (this.#isOver || !isStray(call)) return undefined;
    this.#strays++;
    if (!this.#isOn && this.#strays >= ENOUGH) {
      this.#isOn = true;
      return true;
    }
    if (this.#strays < IN_VAIN || handovers.joined > 0) return undefined;
    this.#isOver = true;
    return false;
  }
}

/** Made by a goroutine that serves nothing, and that no request has made. */
function isStray({ isDecided, start, unit }: TraceNode): boolean {
  return !isDecided && start.causeKind === 0 && unit?.kind === UnitKind.goroutine && !unit.hasRead;
}
