/** A finished exchange as a span that lacks only its trace: what it was is said once, when it ends. */
import { isLoopback } from "./address.ts";
import { toUnixNano } from "./clock.ts";
import type { EventMeta } from "./event-meta.ts";
import type { TraceContext } from "./join/evidence/carried-context.ts";
import { resolveTraceId } from "./join/trace-graph.ts";
import type { Candidate, TraceNode } from "./join/trace-node.ts";
import { type DescribeOptions, Sender, type SpanFields, type SpanView } from "./protocols/protocol.ts";
import { seenFromEnd } from "./pushed-message.ts";
import type { Exchange } from "./session.ts";
import type { SocketEnd } from "./socket-end.ts";
import {
  type Attribute,
  type Resource,
  type Span,
  type SpanEvent,
  SpanFlags,
  SpanKind,
  type SpanLink,
  StatusCode,
} from "./span.ts";

export interface SpanDraft {
  readonly node: TraceNode;
  readonly fields: SpanFields;
  readonly kind: SpanKind;
  readonly tgid: number;
  readonly comm: string;
  readonly startNs: number;
  readonly endNs: number;
  /** Of the answer's last byte, or what came of it. */
  readonly answer: EventMeta | undefined;
}

/** @returns undefined where the protocol makes no span of it */
export function draftSpan(
  exchange: Exchange<SocketEnd>,
  node: TraceNode,
  describe: DescribeOptions,
  isCapture: boolean,
): SpanDraft | undefined {
  const end = exchange.connection;
  const kind = node.isServer && !isCapture ? SpanKind.server : SpanKind.client;
  const fields = describeExchange(exchange, node.isServer, kind, describe, isCapture);
  if (fields === undefined) return undefined;
  addCommonAttributes(fields.attributes, exchange, node, kind, isCapture);
  const start = exchange.requestStart;
  const last = exchange.responseEnd ?? exchange.responseStart ?? exchange.requestEnd ?? start;
  const closedNs = exchange.incomplete === "connection_closed" ? end.closedNs : undefined;
  const endNs = Math.max(last.timestampNs, closedNs ?? 0);
  return {
    node,
    fields,
    kind: fields.kind ?? kind,
    tgid: start.tgid,
    comm: end.comm,
    startNs: start.timestampNs,
    endNs: Math.max(endNs, start.timestampNs),
    answer: exchange.responseEnd ?? exchange.responseStart,
  };
}

function describeExchange(
  exchange: Exchange<SocketEnd>,
  isReader: boolean,
  kind: SpanView["kind"],
  describe: DescribeOptions,
  isCapture: boolean,
): SpanFields | undefined {
  const { connection: end, protocol } = exchange;
  const isPushed = exchange.requestSender === Sender.server && !isCapture;
  if (!isPushed) return protocol.describe(exchange, end.viewOf(kind, describe));
  const asClient = protocol.describe(exchange, end.viewOf(SpanKind.client, describe));
  if (asClient?.kind === undefined && kind === SpanKind.server) {
    return protocol.describe(exchange, end.viewOf(kind, describe));
  }
  return asClient === undefined ? undefined : seenFromEnd(asClient, isReader);
}

/** Estimate of what a draft holds in memory. */
export function sizeOfDraft({ fields }: SpanDraft): number {
  let sizeBytes = 400;
  for (const [key, value] of fields.attributes) {
    sizeBytes += 48 + key.length + (typeof value === "string" ? value.length : 16);
  }
  return sizeBytes;
}

function addCommonAttributes(
  attributes: Attribute[],
  exchange: Exchange<SocketEnd>,
  node: TraceNode,
  kind: SpanKind,
  isCapture: boolean,
): void {
  const end = exchange.connection;
  const protocol = exchange.protocol;
  let serverName: string | undefined;
  let hasProtocol = false;
  for (const [key, value] of attributes) {
    if (key === "server.address") serverName = String(value);
    else if (key === "network.protocol.name") hasProtocol = true;
  }
  const server = end.isClient ? end.remote : end.local;
  if (serverName === undefined) {
    serverName = server.address;
    if (server.address !== "") attributes.push(["server.address", server.address]);
    if (server.port !== 0) attributes.push(["server.port", server.port]);
  }
  if (!hasProtocol && protocol.networkProtocolName !== "") {
    attributes.push(["network.protocol.name", protocol.networkProtocolName]);
  }
  // A capture knows neither end as its own: what is told is what the client sees.
  const peer = isCapture && !end.isClient ? end.local : end.remote;
  for (const attribute of end.networkAttributes(kind === SpanKind.server, peer)) attributes.push(attribute);
  // What has no answer is told before its server, whose end is on this host, has read it.
  const isPeerHere = end.peer !== undefined || (!isCapture && isLoopback(end.tuple.remoteAddress));
  const isPeerTraced = node.hasServer || (exchange.response === undefined && isPeerHere);
  if (kind === SpanKind.client && !isPeerTraced && serverName !== "") {
    attributes.push(["peer.service", serverName], ["service.peer.name", serverName]);
  }
  const start = exchange.requestStart;
  if (start.pid !== 0) attributes.push(["thread.id", start.pid]);
  if (start.coroutineId !== 0) attributes.push(["sockspan.coroutine.id", start.coroutineId]);
  if (end.transport === "tcp" && end.hasIdentity && end.socketName === undefined) {
    const first = node.isServer ? end.remoteFirstSequence : end.localFirstSequence;
    attributes.push(["sockspan.tcp.seq", (first + exchange.requestOffset) % 0x100000000]);
  }
  if (exchange.incomplete !== undefined) attributes.push(["sockspan.incomplete", exchange.incomplete]);
}

/** The node is settled: nothing of the span changes any more. */
export function finishSpan(draft: SpanDraft, resource: Resource, clockOffsetNs: bigint): Span {
  const { node, fields } = draft;
  const attributes = fields.attributes;
  if (node.evidence !== undefined) attributes.push(evidenceAttribute(node.evidence));
  if (node.untrusted !== undefined) {
    const { traceId, spanId } = node.untrusted;
    attributes.push(["sockspan.untrusted.trace_id", traceId], ["sockspan.untrusted.span_id", spanId]);
  }
  const traceId = resolveTraceId(node);
  const parent = shownParent(node);
  const isRemote =
    parent !== undefined && (node.remoteParent !== undefined || node.isServer || !("isServer" in parent));
  return {
    traceId,
    spanId: node.spanId,
    parentSpanId: parent?.spanId,
    traceState: node.remoteParent?.traceState,
    flags: SpanFlags.sampled | SpanFlags.hasIsRemote | (isRemote ? SpanFlags.isRemote : 0),
    kind: draft.kind,
    name: fields.name,
    startTimeUnixNano: toUnixNano(draft.startNs, clockOffsetNs),
    endTimeUnixNano: toUnixNano(draft.endNs, clockOffsetNs),
    attributes,
    events: eventsOf(node, clockOffsetNs),
    links: linksOf(node),
    status: fields.isError ? StatusCode.error : StatusCode.unset,
    statusMessage: fields.statusMessage,
    resource,
  };
}

/** There are some twenty of them. */
const evidenceAttributes = new Map<string, Attribute>();

function evidenceAttribute(evidence: string): Attribute {
  let attribute = evidenceAttributes.get(evidence);
  if (attribute === undefined) {
    attribute = ["sockspan.link.evidence", evidence];
    evidenceAttributes.set(evidence, attribute);
  }
  return attribute;
}

/** Where a library makes the parent's span itself, ours is not told: its own parent takes its place. */
function shownParent(node: TraceNode): { readonly spanId: string } | undefined {
  let at = node;
  while (at.parent?.isMadeByOthers) at = at.parent;
  return at.parent ?? at.remoteParent;
}

const NO_EVENTS: readonly SpanEvent[] = [];

function eventsOf({ events }: TraceNode, clockOffsetNs: bigint): readonly SpanEvent[] {
  if (events === undefined) return NO_EVENTS;
  return events.map(({ timestampNs, name, attributes }) => ({
    timeUnixNano: toUnixNano(timestampNs, clockOffsetNs),
    name,
    attributes,
  }));
}

const NO_LINKS: readonly SpanLink[] = [];

function linksOf(node: TraceNode): readonly SpanLink[] {
  const links = node.parent === undefined && node.candidates !== undefined ? linksTo(node.candidates) : NO_LINKS;
  const { untrusted, sentBy } = node;
  if (untrusted === undefined && sentBy === undefined) return links;
  const carried: SpanLink[] = [];
  if (untrusted !== undefined) carried.push(linkTo(untrusted, "untrusted"));
  if (sentBy !== undefined) carried.push(linkTo(sentBy, "carried"));
  return [...links, ...carried];
}

function linkTo({ traceId, spanId }: TraceContext, evidence: string): SpanLink {
  return { traceId, spanId, attributes: [["sockspan.link.evidence", evidence]] };
}

/** Doubtful parents, with what speaks for them. A candidate whose own trace is still open can't be named. */
function linksTo(candidates: readonly Candidate[]): SpanLink[] {
  const links: SpanLink[] = [];
  for (const { node, evidence } of candidates) {
    if (node.traceId !== undefined || (node.isDecided && node.parent === undefined)) {
      links.push({
        traceId: resolveTraceId(node),
        spanId: node.spanId,
        attributes: [["sockspan.link.evidence", evidence]],
      });
    }
  }
  return links;
}
