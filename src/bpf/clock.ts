/** The kernel's clocks. Events carry CLOCK_MONOTONIC, spans need wall time. */
import { libc } from "./libbpf.ts";

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const ROUNDS = 8;

function read(clock: number): bigint {
  const timespec = new BigInt64Array(2);
  libc().clockGettime(clock, timespec);
  return (timespec[0] ?? 0n) * 1_000_000_000n + (timespec[1] ?? 0n);
}

/** Wall minus monotonic time, ns: the best of some rounds, each bounded by two looks at the monotonic clock. */
function measureClockOffsetNs(): bigint {
  let best: { offset: bigint; width: bigint } | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const before = read(CLOCK_MONOTONIC);
    const wall = read(CLOCK_REALTIME);
    const width = read(CLOCK_MONOTONIC) - before;
    if (best === undefined || width < best.width) best = { offset: wall - (before + width / 2n), width };
  }
  return best?.offset ?? 0n;
}

/** Smaller differences are the noise of the measurement: adjtime slews both clocks alike, only a step moves the offset. */
const STEP_NS = 200_000n;

export class ClockOffset {
  #offsetNs = measureClockOffsetNs();

  get valueNs(): bigint {
    return this.#offsetNs;
  }

  /** Call it about once a second. @returns whether wall time was stepped */
  refresh(measuredNs = measureClockOffsetNs()): boolean {
    const difference = measuredNs - this.#offsetNs;
    if (difference < STEP_NS && difference > -STEP_NS) return false;
    this.#offsetNs = measuredNs;
    return true;
  }
}
