/**
 * The priority of the worker's first thread, which decodes. While it keeps up it takes what it needs. Where it can't, however much
 * it takes, it takes less: what is lost is lost anyway, and the processors are for the programs that are traced. It could give its place up by
 * itself, and not take it back.
 */
import { readFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";

/** Each step is a fifth less than a thread of another program gets (sched(7)): five leave a third. */
const STEPS = 5;
const LOWEST = 19;
/** include/uapi/linux/capability.h */
const CAP_SYS_NICE = 23n;

export class WorkerPriority {
  readonly #canRaise: () => boolean;
  #pid: number | undefined;
  #usual: number | undefined;

  constructor(canRaise: () => boolean = hasSysNice) {
    this.#canRaise = canRaise;
  }

  /** Of a process, or of a thread of one: Linux keeps a priority for each. */
  follow(pid: number): void {
    this.#pid = pid;
  }

  giveWay(isOn: boolean): void {
    const pid = this.#pid;
    if (pid === undefined || isOn === (this.#usual !== undefined)) return;
    if (isOn && !this.#canRaise()) return;
    try {
      const usual = this.#usual ?? getPriority(pid);
      setPriority(pid, isOn ? Math.min(usual + STEPS, LOWEST) : usual);
      this.#usual = isOn ? usual : undefined;
    } catch {
      // Without the right to it, it goes on as it is; or it is gone.
    }
  }
}

/** What is given up here may be taken back. */
function hasSysNice(): boolean {
  const effective = /^CapEff:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> CAP_SYS_NICE) & 1n) === 1n;
}
