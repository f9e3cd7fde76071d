/** HTTP's Retry-After (RFC 9110, 10.2.3): seconds, or a date. Undefined when it is neither. */
export function parseRetryAfterMs(value: string | undefined, nowUnixMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1_000;
  const unixMs = Date.parse(value);
  return Number.isNaN(unixMs) ? undefined : Math.max(0, unixMs - nowUnixMs);
}
