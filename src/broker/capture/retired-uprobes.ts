/**
 * Uprobes that are to be detached. Closing one waits for grace periods of RCU, 100 ms and more where processors are idle. One that is a
 * perf event (before Linux 6.12: uprobe-link.ts) holds event_mutex meanwhile (perf_uprobe_destroy, kernel/trace/trace_event_perf.c),
 * which whoever attaches one needs too. So it is done on another thread, one after the other, and for processes that have ended,
 * whose uprobes nobody hits, while nothing is attached.
 */

/** Detaches, on another thread. */
export type DetachUprobe = () => Promise<void>;

const REST_MS = 2000;
/** So many are detached whatever else goes on: each holds a descriptor. */
const MOST = 512;

interface Retired {
  readonly tgid: number;
  readonly detach: DetachUprobe;
  readonly isAlive: boolean;
}

export class RetiredUprobes {
  readonly #restMs: number;
  #waiting: Retired[] = [];
  /** The one that is detached now. */
  #running: Promise<void> | undefined;
  #runningTgid: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(restMs = REST_MS) {
    this.#restMs = restMs;
  }

  get count(): number {
    return this.#waiting.length;
  }

  /** @param isAlive the process goes on, and is stopped by each of them */
  add(tgid: number, detach: readonly DetachUprobe[], isAlive: boolean): void {
    const added = detach.map((each) => ({ tgid, detach: each, isAlive }));
    if (isAlive) this.#waiting.unshift(...added);
    else this.#waiting.push(...added);
    if (this.#isPressing) this.#next();
    else if (this.#waiting.length > 0 && this.#timer === undefined && this.#running === undefined) this.rest();
  }

  /** Something is attached: what waits goes on waiting. */
  rest(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#next();
    }, this.#restMs);
    this.#timer.unref();
  }

  /** When the process has none of them any more. */
  async finish(tgid: number): Promise<void> {
    const own = this.#waiting.filter((each) => each.tgid === tgid);
    this.#waiting = this.#waiting.filter((each) => each.tgid !== tgid);
    const running = this.#runningTgid === tgid ? this.#running : undefined;
    await Promise.all([running, ...own.map(({ detach }) => detach().catch(() => {}))]);
  }

  get #isPressing(): boolean {
    return this.#waiting[0]?.isAlive === true || this.#waiting.length > MOST;
  }

  #next(): void {
    if (this.#running !== undefined) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#runningTgid = next.tgid;
    this.#running = next
      .detach()
      .catch(() => {})
      .finally(() => {
        this.#running = undefined;
        this.#runningTgid = undefined;
        if (this.#timer === undefined || this.#isPressing) this.#next();
      });
  }
}
