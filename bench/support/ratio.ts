/** What many pairs of measurements say of the ratio between them, and how sure it is. */

export interface PairedRatio {
  readonly middle: number;
  /** The true ratio lies in between with 95 %. */
  readonly low: number;
  readonly high: number;
}

const Z_95 = 1.96;

/**
 * Hodges and Lehmann's estimator with the interval of Wilcoxon's signed ranks, on logarithms: the median of the means of all pairs of values. It
 * takes nothing for granted but that noise falls on both sides alike, and single wild values move it little.
 */
export function pairedRatio(ratios: readonly number[]): PairedRatio {
  const logs = ratios.map(Math.log);
  const means = logs.flatMap((a, i) => logs.slice(i).map((b) => (a + b) / 2)).sort((a, b) => a - b);
  const n = logs.length;
  const half = Z_95 * Math.sqrt((n * (n + 1) * (2 * n + 1)) / 24);
  const at = (place: number) =>
    Math.exp(means[Math.min(means.length - 1, Math.max(0, Math.round(place)))] ?? Number.NaN);
  const middle = (means.length - 1) / 2;
  return { middle: at(middle), low: at(middle - half), high: at(middle + half) };
}
