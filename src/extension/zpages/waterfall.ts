/** Spans of one trace as the rows of a waterfall: parents before children, siblings by start. */
import type { Span } from "../../mapping/span.ts";

export interface WaterfallRow {
  readonly span: Span;
  readonly depth: number;
  readonly service: string;
  /** From the start of the trace. */
  readonly offsetNs: number;
  readonly durationNs: number;
  /** The parent is named but not here: it was not seen, or came from elsewhere. */
  readonly isOrphan: boolean;
}

export interface Waterfall {
  readonly rows: readonly WaterfallRow[];
  readonly startTimeUnixNano: bigint;
  readonly durationNs: number;
  readonly services: readonly string[];
  readonly hasError: boolean;
}

/** A wire may hold a cycle of parents; depth stops there. */
const MAX_DEPTH = 64;
const STATUS_ERROR = 2;

export function layOut(spans: readonly Span[]): Waterfall {
  const byStart = [...spans].sort((a, b) => compare(a.startTimeUnixNano, b.startTimeUnixNano));
  const start = byStart[0]?.startTimeUnixNano ?? 0n;
  const ids = new Set(spans.map((span) => span.spanId));
  const children = new Map<string, Span[]>();
  const roots: Span[] = [];
  let end = start;
  for (const span of byStart) {
    if (span.endTimeUnixNano > end) end = span.endTimeUnixNano;
    const { parentSpanId } = span;
    if (parentSpanId === undefined || !ids.has(parentSpanId) || parentSpanId === span.spanId) roots.push(span);
    else children.set(parentSpanId, [...(children.get(parentSpanId) ?? []), span]);
  }
  const rows: WaterfallRow[] = [];
  const placed = new Set<Span>();
  const place = (span: Span, depth: number): void => {
    if (placed.has(span)) return;
    placed.add(span);
    rows.push({
      span,
      depth,
      service: serviceOf(span),
      offsetNs: Number(span.startTimeUnixNano - start),
      durationNs: Number(span.endTimeUnixNano - span.startTimeUnixNano),
      isOrphan: depth === 0 && span.parentSpanId !== undefined,
    });
    if (depth < MAX_DEPTH) for (const child of children.get(span.spanId) ?? []) place(child, depth + 1);
  };
  for (const root of roots) place(root, 0);
  for (const span of byStart) place(span, 0);
  return {
    rows,
    startTimeUnixNano: start,
    durationNs: Number(end - start),
    services: [...new Set(rows.map((row) => row.service))],
    hasError: spans.some((span) => span.status === STATUS_ERROR),
  };
}

function serviceOf(span: Span): string {
  const value = span.resource.attributes.find(([key]) => key === "service.name")?.[1];
  return value === undefined ? "unknown_service" : String(value);
}

export function formatDuration(durationNs: number): string {
  if (durationNs < 1000) return `${Math.max(0, Math.round(durationNs))} ns`;
  if (durationNs < 1e6) return `${round(durationNs / 1e3)} µs`;
  return durationNs < 1e9 ? `${round(durationNs / 1e6)} ms` : `${round(durationNs / 1e9)} s`;
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
