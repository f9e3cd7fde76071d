/** Reads the Prometheus text format. */

export interface Metric {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

export function parseMetrics(text: string): Metric[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const match = /^([\w:]+)(?:\{(.*)\})? (\S+)/.exec(line);
      if (!match) throw new Error(`no metric: ${line}`);
      const labels = [...(match[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
      return {
        name: match[1] ?? "",
        labels: new Map(labels.map(([, key = "", value = ""]) => [key, value])),
        value: Number(match[3]),
      };
    });
}

/** The sum of all time series of this name whose labels have these values. */
export function sumOf(metrics: readonly Metric[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  return metrics
    .filter((metric) => metric.name === name)
    .filter((metric) => Object.entries(labels).every(([key, value]) => metric.labels.get(key) === value))
    .reduce((sum, { value }) => sum + value, 0);
}
