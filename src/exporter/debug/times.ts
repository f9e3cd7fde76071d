/** Times and durations on a line for people. */

/** Of this host's zone: `16:27:22.123`. */
export function formatTime(unixNano: bigint): string {
  const date = new Date(Number(unixNano / 1_000_000n));
  // A time beyond what a Date holds can only come from a broken clock; it must not break the line.
  if (Number.isNaN(date.getTime())) return "--:--:--.---";
  const two = (value: number) => String(value).padStart(2, "0");
  const milliseconds = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`;
}

export function formatDuration(nanoseconds: bigint): string {
  const ns = Number(nanoseconds);
  if (ns < 1_000_000) return `${(ns / 1_000).toFixed(0)}µs`;
  if (ns < 1_000_000_000) return `${(ns / 1_000_000).toFixed(2)}ms`;
  return `${(ns / 1_000_000_000).toFixed(2)}s`;
}
