/**
 * Attaches the program that sees every wake-up of the host while a process is there that needs it, and not longer: the
 * whole host pays for it (docs/kernel.md).
 */
import type { Capture } from "./capture.ts";
import { WAKE_PROGRAM } from "./hook-programs.ts";

export class WakeWatch {
  readonly #capture: Pick<Capture, "attachOnDemand" | "detachOnDemand">;
  readonly #watched = new Set<number>();

  constructor(capture: Pick<Capture, "attachOnDemand" | "detachOnDemand">) {
    this.#capture = capture;
  }

  /** @throws BpfError if the kernel refuses it */
  begin(tgid: number): void {
    if (this.#watched.size === 0) this.#capture.attachOnDemand(WAKE_PROGRAM);
    this.#watched.add(tgid);
  }

  end(tgid: number): void {
    if (this.#watched.delete(tgid) && this.#watched.size === 0) this.#capture.detachOnDemand(WAKE_PROGRAM);
  }
}
