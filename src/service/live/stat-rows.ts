/** What happened between two answers, for `stat`. */
import { escapeText } from "../../escape.ts";
import type { ServiceCounts, StatAnswer } from "../../ipc/control-answers.ts";
import { quantileMs } from "./duration-buckets.ts";

interface StatRow {
  /** undefined: all of one sockspan, and what that has lost and cost. */
  readonly service: string | undefined;
  readonly kind: string | undefined;
  readonly spansPerSecond: number;
  readonly errors: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly lost: Readonly<Record<string, number>>;
  /** Of one CPU, broker and worker together. */
  readonly cpuPercent: number | undefined;
  readonly pid: number;
}

/** undefined: the two are of no interval, since it was started, or began to count, between them. */
export function statRows(before: StatAnswer, after: StatAnswer): readonly StatRow[] | undefined {
  const seconds = (after.timeMs - before.timeMs) / 1000;
  if (before.epoch !== after.epoch || seconds <= 0 || after.workerCpuUs < before.workerCpuUs) return undefined;
  const earlier = new Map(before.services.map((each) => [keyOf(each), each]));
  const grown = after.services.map((each) => growth(earlier.get(keyOf(each)), each)).filter(({ spans }) => spans > 0);
  const row = (counts: ServiceCounts) => ({
    spansPerSecond: counts.spans / seconds,
    errors: counts.errors,
    p50Ms: quantileMs(counts.durations, 0.5),
    p99Ms: quantileMs(counts.durations, 0.99),
    pid: after.pid,
  });
  const cpuUs = after.workerCpuUs + after.brokerCpuUs - before.workerCpuUs - before.brokerCpuUs;
  const services = grown
    .sort((a, b) => b.spans - a.spans)
    .map((counts) => ({ ...row(counts), service: counts.service, kind: counts.kind, lost: {}, cpuPercent: undefined }));
  const all = row(total(grown));
  const cpuPercent = cpuUs / seconds / 1e4;
  return [...services, { ...all, service: undefined, kind: undefined, lost: grownLost(before, after), cpuPercent }];
}

const COLUMNS = [
  ["TIME", 8],
  ["SERVICE", 28],
  ["KIND", 8],
  ["SPANS/S", 9],
  ["ERRORS", 7],
  ["P50 MS", 9],
  ["P99 MS", 9],
  ["CPU %", 6],
  ["LOST", 0],
] as const;

export function statHead(): string {
  return line(COLUMNS.map(([title]) => title));
}

/** @param time `16:27:22` */
export function statLine(row: StatRow, time: string): string {
  const lost = Object.entries(row.lost).map(([what, count]) => `${what}=${count}`);
  return line([
    time,
    row.service ?? `(all of process ${row.pid})`,
    row.kind ?? "",
    row.spansPerSecond.toFixed(1),
    String(row.errors),
    row.p50Ms?.toFixed(3) ?? "-",
    row.p99Ms?.toFixed(3) ?? "-",
    row.cpuPercent?.toFixed(1) ?? "",
    row.service === undefined ? lost.join(",") || "-" : "",
  ]);
}

function line(cells: readonly string[]): string {
  const shown = cells.map((cell, index) => {
    const text = escapeText(cell);
    // Numbers stand to the right.
    return index >= 3 && index <= 7 ? text.padStart(COLUMNS[index]![1]) : text.padEnd(COLUMNS[index]![1]);
  });
  return `${shown.join(" ").trimEnd()}\n`;
}

function keyOf({ service, kind }: ServiceCounts): string {
  return `${kind} ${service}`;
}

function growth(before: ServiceCounts | undefined, after: ServiceCounts): ServiceCounts {
  if (before === undefined) return after;
  const earlier = new Map(before.durations);
  return {
    ...after,
    spans: after.spans - before.spans,
    errors: after.errors - before.errors,
    durations: after.durations.map(([bucket, count]) => [bucket, count - (earlier.get(bucket) ?? 0)]),
  };
}

function total(all: readonly ServiceCounts[]): ServiceCounts {
  const durations = new Map<number, number>();
  for (const [bucket, count] of all.flatMap((each) => each.durations)) {
    durations.set(bucket, (durations.get(bucket) ?? 0) + count);
  }
  const sum = (value: (counts: ServiceCounts) => number) => all.reduce((sum, each) => sum + value(each), 0);
  return {
    service: "",
    kind: "",
    spans: sum(({ spans }) => spans),
    errors: sum(({ errors }) => errors),
    durations: [...durations],
  };
}

function grownLost(before: StatAnswer, after: StatAnswer): Record<string, number> {
  const entries = Object.entries(after.lost).map(([what, count]) => [what, count - (before.lost[what] ?? 0)] as const);
  return Object.fromEntries(entries.filter(([, count]) => count > 0));
}
