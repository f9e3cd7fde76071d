/** Durations that options of the command line give. */
import { parseDurationMs } from "../../config-value.ts";
import { UsageError } from "../error.ts";

/** What Node's timers can count to, in whole hours. */
const MAX_DURATION_MS = 596 * 3_600_000;

interface DurationRules {
  /** How one is written, for who wrote none. */
  readonly example?: string;
  readonly allowsZero?: boolean;
}

/** @throws UsageError */
export function durationOption(option: string, text: string, rules: DurationRules = {}): number {
  const { example = '"10s" or "5m"', allowsZero = true } = rules;
  const durationMs = parseDurationMs(text);
  if (durationMs !== undefined && durationMs > MAX_DURATION_MS) {
    throw new UsageError(`${option} ${text} is too long`, "At most 596h is allowed.");
  }
  if (durationMs === undefined || (durationMs === 0 && !allowsZero)) {
    throw new UsageError(`${option} ${text} is no duration`, `Write it like ${example}.`);
  }
  return durationMs;
}
