/** An explained trace as text: a tree, and for each span what was seen, what was possible and what was chosen. */
import { TurnPhase, UnitKind } from "../../bpf/layout.gen.ts";
import { SpanKind } from "../span.ts";
import { evidenceWords } from "./evidence-words.ts";
import type { ExplainedEvent, Explanation } from "./explanation.ts";

const KIND_NAMES = nameOf(SpanKind);
const UNIT_NAMES = nameOf(UnitKind);
const INDENT = "  ";

/** Untrusted text is in it: to be escaped by who shows it. */
export function explanationLines(spans: readonly Explanation[]): string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const children = new Map<string | undefined, Explanation[]>();
  for (const span of spans) {
    const parent = byId.has(span.parentSpanId ?? "") ? span.parentSpanId : undefined;
    const list = children.get(parent);
    if (list === undefined) children.set(parent, [span]);
    else list.push(span);
  }
  const lines: string[] = [`trace ${spans[0]?.traceId ?? ""}: ${spans.length} spans`];
  const show = (parent: string | undefined, depth: number): void => {
    const list = children.get(parent) ?? [];
    list.sort((left, right) => (BigInt(left.request.timeUnixNano) < BigInt(right.request.timeUnixNano) ? -1 : 1));
    for (const span of list) {
      const indent = INDENT.repeat(depth);
      lines.push("", `${indent}${titleOf(span)}`);
      for (const line of detailsOf(span, byId)) lines.push(`${indent}${INDENT}${line}`);
      show(span.spanId, depth + 1);
    }
  };
  show(undefined, 0);
  return lines;
}

function titleOf({ kind, name, program, spanId }: Explanation): string {
  return `${KIND_NAMES.get(kind) ?? "span"} ${name}  ${program}  ${spanId}`;
}

function* detailsOf(span: Explanation, byId: ReadonlyMap<string, Explanation>): Generator<string> {
  const isServer = span.kind === SpanKind.server;
  const named = (spanId: string): string => {
    const other = byId.get(spanId);
    return other === undefined ? spanId : `${spanId} (${KIND_NAMES.get(other.kind)} ${other.name}, ${other.program})`;
  };
  if (span.parentSpanId === undefined) yield `parent     none: ${noParentWords(span)}`;
  else {
    const evidence = span.evidence ?? "";
    yield `parent     ${named(span.parentSpanId)} by ${evidence}: ${evidenceWords(evidence)}`;
  }
  for (const { spanId, evidence } of span.candidates) {
    if (spanId !== span.parentSpanId) yield `candidate  ${named(spanId)} by ${evidence}: ${evidenceWords(evidence)}`;
  }
  for (const link of span.links) yield `link       ${link.traceId} ${link.spanId} by ${link.evidence}`;
  yield `request    ${isServer ? "read" : "sent"} ${eventText(span.request)}${span.isFirst ? ", waited for its connection" : ""}`;
  if (span.after !== undefined) {
    yield `after      ${span.after.isAnswer ? "the answer of" : "the read of"} ${named(span.after.spanId)}`;
  }
  yield span.answer === undefined
    ? "answer     none"
    : `answer     ${isServer ? "sent" : "read"} ${eventText(span.answer)}`;
}

function noParentWords({ kind, candidates }: Explanation): string {
  if (candidates.length > 0) return "no evidence was sure";
  return kind === SpanKind.server ? "the trace begins here, as far as was seen" : "nothing shows what it was made for";
}

function eventText(event: ExplainedEvent): string {
  const unit =
    event.unitKind === UnitKind.none || event.unitId === 0
      ? event.coroutineId === 0
        ? ""
        : `, goroutine ${event.coroutineId}`
      : `, ${UNIT_NAMES.get(event.unitKind)} ${event.unitId}`;
  return `${timeText(event.timeUnixNano)} by process ${event.tgid} thread ${event.pid}${unit}${turnText(event)}`;
}

function turnText({ turnId, unitKind }: ExplainedEvent): string {
  if (turnId === 0) return "";
  if (unitKind === UnitKind.pythonContext || unitKind === UnitKind.greenlet) return `, turn ${turnId}`;
  const phase = turnId % 4;
  const words = phase === TurnPhase.poll ? " (polling)" : phase === TurnPhase.other ? " (timers)" : "";
  return `, turn ${Math.floor(turnId / 4)}${words}`;
}

/** Of the day in UTC, to the microsecond: a trace is short. */
function timeText(timeUnixNano: string): string {
  const nanos = BigInt(timeUnixNano);
  const date = new Date(Number(nanos / 1_000_000n));
  return `${date.toISOString().slice(11, 23)}${String((nanos / 1000n) % 1000n).padStart(3, "0")}`;
}

function nameOf(values: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  const words = (name: string) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return new Map(Object.entries(values).map(([name, value]) => [value, words(name)]));
}
