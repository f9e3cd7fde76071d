import type { Span } from "../../mapping/span.ts";

/** A span with those of its children that left together with it. */
export interface SpanNode {
  readonly span: Span;
  readonly children: SpanNode[];
}

/** The spans of each trace as trees, in the order of their start; a span whose parent is not here is a root. */
export function buildTraceTrees(spans: readonly Span[]): SpanNode[] {
  const nodes = spans.map((span): SpanNode => ({ span, children: [] }));
  // Both ids: a span id alone is unique in its trace only.
  const byId = new Map(nodes.map((node) => [`${node.span.traceId}${node.span.spanId}`, node]));
  const roots: SpanNode[] = [];
  const parents = new Map<SpanNode, SpanNode>();
  for (const node of nodes.sort(byStart)) {
    const { traceId, parentSpanId } = node.span;
    const parent = parentSpanId === undefined ? undefined : byId.get(`${traceId}${parentSpanId}`);
    if (parent === undefined) {
      roots.push(node);
      continue;
    }
    parent.children.push(node);
    parents.set(node, parent);
  }
  cutCycles(nodes, roots, parents);
  return roots.sort(byStart);
}

/** Parents that go in a circle (ids may come from a peer) have no root: the earliest span becomes one. */
function cutCycles(nodes: readonly SpanNode[], roots: SpanNode[], parents: ReadonlyMap<SpanNode, SpanNode>): void {
  const reached = new Set<SpanNode>();
  const reach = (root: SpanNode): void => {
    const stack = [root];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      reached.add(node);
      stack.push(...node.children);
    }
  };
  for (const root of roots) reach(root);
  for (const node of nodes) {
    if (reached.has(node)) continue;
    const siblings = parents.get(node)?.children;
    siblings?.splice(siblings.indexOf(node), 1);
    roots.push(node);
    reach(node);
  }
}

function byStart(a: SpanNode, b: SpanNode): number {
  if (a.span.startTimeUnixNano === b.span.startTimeUnixNano) return 0;
  return a.span.startTimeUnixNano < b.span.startTimeUnixNano ? -1 : 1;
}
