/**
 * The clock of a capture: nanoseconds since a base near its first packet, so that they fit a JavaScript number
 * (2^53 ns are 104 days) as the kernel's monotonic clock does.
 */
const LEAD_SECONDS = 10;

export class ReplayClock {
  #baseSeconds: number | undefined;

  /** Wall time of timestamp 0. */
  get offsetNs(): bigint {
    return BigInt(this.#baseSeconds ?? 0) * 1_000_000_000n;
  }

  /** Packets may be a little earlier than the first one of the file. */
  timestampNs(seconds: number, nanoseconds: number): number {
    this.#baseSeconds ??= seconds - LEAD_SECONDS;
    return (seconds - this.#baseSeconds) * 1e9 + nanoseconds;
  }

  /** The next timestamp sets a new base. */
  reset(): void {
    this.#baseSeconds = undefined;
  }
}
