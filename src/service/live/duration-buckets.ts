/** Durations in buckets whose bounds grow by 5 %: a quantile is read from them within 2.5 %. */

const GROWTH = Math.log(1.05);

/** All below a microsecond are one. */
export function bucketOf(durationNs: number): number {
  return durationNs <= 1000 ? 0 : Math.ceil(Math.log(durationNs / 1000) / GROWTH);
}

/** The middle of the bucket, ms. */
function middleMs(bucket: number): number {
  return Math.exp((bucket - 0.5) * GROWTH) / 1000;
}

/** @param counts of buckets, in any order. @returns ms, undefined where nothing was counted */
export function quantileMs(counts: Iterable<readonly [bucket: number, count: number]>, quantile: number) {
  const sorted = [...counts].filter(([, count]) => count > 0).sort(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  let left = Math.max(1, Math.ceil(total * quantile));
  for (const [bucket, count] of sorted) {
    left -= count;
    if (left <= 0) return middleMs(bucket);
  }
  return undefined;
}
