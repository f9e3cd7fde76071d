/** Spans for `watch`: which, and a line for each. */
import { escapeText } from "../../escape.ts";
import { formatDuration, formatTime } from "../../exporter/debug/times.ts";
import type { WatchedSpan } from "../../ipc/control-answers.ts";

export interface WatchFilter {
  /** Empty: of all. */
  readonly services: readonly string[];
  readonly status: "ok" | "error" | undefined;
  readonly minDurationMs: number;
}

const MAX_TEXT = 120;
const OUTGOING: readonly string[] = ["CLIENT", "PRODUCER"];

export function isWatched(span: WatchedSpan, { services, status, minDurationMs }: WatchFilter): boolean {
  if (services.length > 0 && !services.includes(span.service)) return false;
  if (status !== undefined && span.isError !== (status === "error")) return false;
  return span.durationNs >= minDurationMs * 1e6;
}

/** `16:27:22.123   1.20ms  SERVER shop ← 10.0.0.7  GET /cart  200  4bf92f35...`, whole trace id last, for `explain`. */
export function watchLine(span: WatchedSpan): string {
  const text = (value: string) => escapeText(value, MAX_TEXT);
  const arrow = OUTGOING.includes(span.kind) ? "→" : "←";
  const who = span.peer === undefined ? span.service : `${span.service} ${arrow} ${span.peer}`;
  const parts = [
    `${formatTime(BigInt(span.startUnixNs))} ${formatDuration(BigInt(span.durationNs)).padStart(8)}`,
    `${span.kind.padEnd(8)} ${text(who)}`,
    text([span.name, ...(span.subject === undefined ? [] : [span.subject])].join(" ")),
    text(span.result ?? (span.isError ? "error" : "ok")),
    text(span.traceId),
  ];
  return `${parts.join("  ")}\n`;
}
