/** Spans as text: a line for each, trees by trace. */
import { escapeText } from "../../escape.ts";
import type { Span } from "../../mapping/span.ts";
import { SpanKind } from "../../mapping/span.ts";
import type { Paint } from "./paint.ts";
import { factsOf, serviceName } from "./span-facts.ts";
import { formatDuration, formatTime } from "./times.ts";
import { buildTraceTrees, type SpanNode } from "./trace-trees.ts";

const MAX_TEXT_LENGTH = 120;

/** A line for each span: those of one trace together, children indented below their parents. */
export function* traceLines(spans: readonly Span[], paint: Paint): Generator<string> {
  for (const root of buildTraceTrees(spans)) {
    yield* nodeLines(root, paint, { own: "", children: "" });
  }
}

interface Indent {
  readonly own: string;
  readonly children: string;
}

/** Depth first with a stack of its own: a chain may be longer than the call stack. */
function* nodeLines(root: SpanNode, paint: Paint, start: Indent): Generator<string> {
  const stack: { node: SpanNode; indent: Indent; parent: SpanNode | undefined }[] = [
    { node: root, indent: start, parent: undefined },
  ];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { node, indent, parent } = next;
    yield spanLine(node, parent, indent.own, paint);
    for (let i = node.children.length - 1; i >= 0; i--) {
      const isLast = i === node.children.length - 1;
      const child: Indent = {
        own: `${indent.children}${isLast ? "└ " : "├ "}`,
        children: `${indent.children}${isLast ? "  " : "│ "}`,
      };
      stack.push({ node: node.children[i]!, indent: child, parent: node });
    }
  }
}

/** `16:27:22.123   1.20ms  └ SERVER nginx  GET /index.html  200`; a root also has the peer and the trace id. */
function spanLine(node: SpanNode, parent: SpanNode | undefined, indent: string, paint: Paint): string {
  const { span } = node;
  const facts = factsOf(span);
  const text = (value: string) => escapeText(value, MAX_TEXT_LENGTH);
  const time = paint.dim(formatTime(span.startTimeUnixNano));
  const duration = formatDuration(span.endTimeUnixNano - span.startTimeUnixNano).padStart(8);
  const parts = [
    `${indent}${paint.cyan(facts.kind)} ${text(participants(node, parent, facts.service, facts.peer))}`,
    [paint.bold(text(facts.name)), ...(facts.subject === undefined ? [] : [text(facts.subject)])].join(" "),
    ...(facts.result === undefined ? [] : [(facts.isError ? paint.red : paint.green)(text(facts.result))]),
    ...(parent === undefined ? [paint.dim(text(span.traceId.slice(0, 8)))] : []),
  ];
  return `${time} ${duration}  ${parts.join("  ")}`;
}

/** The side that the span is about, and the other as well as we know it: a service if its span is here too. */
function participants(node: SpanNode, parent: SpanNode | undefined, service: string, peer: string | undefined): string {
  const { kind } = node.span;
  if (kind === SpanKind.client || kind === SpanKind.producer) {
    const [served] = node.children;
    const other = served === undefined ? peer : serviceName(served.span);
    return other === undefined ? service : `${service} → ${other}`;
  }
  return parent === undefined && peer !== undefined ? `${peer} → ${service}` : service;
}
