/**
 * Rows of many agents to spans. A row waits `settleNs` for the other end of its exchange and for the request that its
 * process was answering, then it leaves and never changes; it stays findable for as long again. Evidence, best first:
 * a server row's parent is the client row with the same TCP sequence numbers, else the context in its headers; a
 * client row's parent is the server row of the same agent with the same system call trace id, of the same process with
 * the same trace id, or of the same process with the same x-request-id (never that alone), else its headers' context.
 * Bounded by `maxRows`: above it the oldest leave early.
 */
import { StageAccount } from "../../account.ts";
import { type Attribute, type Resource, type Span, SpanFlags } from "../../span.ts";
import { Buckets } from "./buckets.ts";
import { IdHash } from "./id-hash.ts";
import { type L7Row, RowKind } from "./l7-row.ts";
import { describeRow } from "./row-describe.ts";
import { isAnswer, mergeHalves } from "./row-merge.ts";
import { encloses, makeRowNode, type RowNode, sameExchange, sharesSyscallId } from "./row-node.ts";

interface RowJoinerOptions {
  readonly settleNs: number;
  readonly maxRows: number;
  /** The same object for the same process. */
  readonly resourceOf: (row: L7Row, side: "client" | "server", agentKey: number) => Resource;
}

const MAX_DEPTH = 64;
const NO_IDS: readonly string[] = [];

export class RowJoiner {
  readonly account = new StageAccount("trident_join", "row");
  readonly #options: RowJoinerOptions;
  readonly #output: (spans: readonly Span[]) => void;
  readonly #queue: RowNode[] = [];
  #nextToLeave = 0;
  #nextToForget = 0;
  readonly #byExchange = new Buckets<RowNode>();
  readonly #bySyscall = new Buckets<RowNode>();
  readonly #byFlow = new Buckets<RowNode>();
  readonly #byContext = new Buckets<RowNode>();

  constructor(options: RowJoinerOptions, output: (spans: readonly Span[]) => void) {
    this.#options = options;
    this.#output = output;
  }

  get heldRows(): number {
    return this.#queue.length - this.#nextToForget;
  }

  add(row: L7Row, agentKey: number, nowNs: number): void {
    this.account.addIn();
    if (row.kind === RowKind.response) {
      this.#addResponse(row, agentKey);
      return;
    }
    const node = makeRowNode(row, agentKey, nowNs);
    this.#queue.push(node);
    this.#index(node, "add");
    if (row.kind === RowKind.request) this.#byFlow.add(flowBucket(row), node);
    if (this.heldRows > this.#options.maxRows) this.#shrink();
  }

  #addResponse(row: L7Row, agentKey: number): void {
    const flow = flowBucket(row);
    const request = this.#byFlow.find(
      flow,
      (node) => !node.hasLeft && node.agentKey === agentKey && isAnswer(node.row, row),
    );
    if (request === undefined) {
      this.account.addConsumed("response_without_request");
      return;
    }
    // The answer brings ids that the request's half did not have.
    this.#index(request, "delete");
    mergeHalves(request.row, row);
    request.endNs = Number(request.row.endTimeNs);
    this.#index(request, "add");
    this.#byFlow.delete(flow, request);
    this.account.addConsumed("merged");
  }

  advance(nowNs: number): void {
    const leaving: Span[] = [];
    const oldest = nowNs - this.#options.settleNs;
    while (this.#nextToLeave < this.#queue.length) {
      const node = this.#queue[this.#nextToLeave] as RowNode;
      if (node.arrivalNs > oldest) break;
      this.#nextToLeave++;
      this.#leave(node, leaving);
    }
    while (this.#nextToForget < this.#nextToLeave) {
      const node = this.#queue[this.#nextToForget] as RowNode;
      if (node.arrivalNs > oldest - this.#options.settleNs) break;
      this.#forgetNext();
    }
    this.#compact();
    if (leaving.length > 0) this.#output(leaving);
  }

  /** End of input. */
  flush(): void {
    this.advance(Number.POSITIVE_INFINITY);
  }

  #shrink(): void {
    const leaving: Span[] = [];
    while (this.heldRows > this.#options.maxRows) {
      if (this.#nextToForget === this.#nextToLeave) this.#leave(this.#queue[this.#nextToLeave++] as RowNode, leaving);
      this.#forgetNext();
    }
    this.#compact();
    if (leaving.length > 0) this.#output(leaving);
  }

  #forgetNext(): void {
    const node = this.#queue[this.#nextToForget++] as RowNode;
    this.#index(node, "delete");
    if (node.row.kind === RowKind.request) this.#byFlow.delete(flowBucket(node.row), node);
    // A chain of parents must not keep every row that ever was.
    node.parent = null;
  }

  #compact(): void {
    if (this.#nextToForget < 4096 || this.#nextToForget * 2 < this.#queue.length) return;
    this.#queue.splice(0, this.#nextToForget);
    this.#nextToLeave -= this.#nextToForget;
    this.#nextToForget = 0;
  }

  #index(node: RowNode, action: "add" | "delete"): void {
    const { row } = node;
    this.#byExchange[action](node.exchangeKey, node);
    if (node.rank !== 0) return;
    if (row.syscallTraceIdRequest !== 0n) this.#bySyscall[action](Number(row.syscallTraceIdRequest), node);
    if (row.syscallTraceIdResponse !== 0n && row.syscallTraceIdResponse !== row.syscallTraceIdRequest) {
      this.#bySyscall[action](Number(row.syscallTraceIdResponse), node);
    }
    if (!node.isServer || row.processId1 === 0) return;
    for (const id of contextIds(node)) this.#byContext[action](contextBucket(node.agentKey, row.processId1, id), node);
  }

  #leave(node: RowNode, leaving: Span[]): void {
    node.hasLeft = true;
    const twin = this.#bestTwin(node);
    if (twin !== undefined) {
      this.account.addConsumed("same_exchange");
      return;
    }
    leaving.push(this.#toSpan(node));
    this.account.addOut();
  }

  /** A row of the same exchange and side that speaks for this one too. */
  #bestTwin(node: RowNode): RowNode | undefined {
    return this.#byExchange.find(
      node.exchangeKey,
      (other) =>
        other !== node &&
        other.isServer === node.isServer &&
        (other.rank < node.rank || (other.rank === node.rank && other.hasLeft)) &&
        sameExchange(other, node),
    );
  }

  #toSpan(node: RowNode): Span {
    const { row } = node;
    const side = node.isServer ? "server" : "client";
    const parent = this.#parentOf(node, 0);
    const description = describeRow(row, side);
    const attributes: Attribute[] = description.attributes;
    const header = parent === null ? node.header : undefined;
    const evidence = parent === null ? (header === undefined ? "" : "traceparent") : node.evidence;
    if (evidence !== "") attributes.push(["sockspan.link.evidence", evidence]);
    const isRemote = node.isServer && (parent !== null || header !== undefined);
    return {
      traceId: this.#traceIdOf(node, 0),
      spanId: node.spanId,
      parentSpanId: parent?.spanId ?? header?.spanId,
      traceState: undefined,
      flags: SpanFlags.sampled | SpanFlags.hasIsRemote | (isRemote ? SpanFlags.isRemote : 0),
      kind: description.kind,
      name: description.name,
      startTimeUnixNano: row.startTimeNs,
      endTimeUnixNano: row.endTimeNs < row.startTimeNs ? row.startTimeNs : row.endTimeNs,
      attributes,
      events: [],
      links: [],
      status: description.status,
      statusMessage: undefined,
      resource: this.#options.resourceOf(row, side, node.agentKey),
    };
  }

  #traceIdOf(node: RowNode, depth: number): string {
    if (node.traceId !== undefined) return node.traceId;
    const parent = depth > MAX_DEPTH ? null : this.#parentOf(node, depth);
    node.traceId =
      parent !== null
        ? this.#traceIdOf(parent, depth + 1)
        : (node.header?.traceId ?? new IdHash().addText(node.spanId).traceId());
    return node.traceId;
  }

  #parentOf(node: RowNode, depth: number): RowNode | null {
    if (node.parent !== undefined) return node.parent;
    // While it is being decided it has none, so a circle of wrong ids ends.
    node.parent = null;
    node.parent = (node.isServer ? this.#clientEnd(node) : this.#servedRequest(node, depth)) ?? null;
    return node.parent;
  }

  #clientEnd(node: RowNode): RowNode | undefined {
    const client = this.#byExchange.find(
      node.exchangeKey,
      (other) => !other.isServer && other.parent !== node && sameExchange(other, node),
      (a, b) => a.rank < b.rank,
    );
    // The row that speaks for the client end is the one whose span is sent.
    if (client !== undefined) node.evidence = node.row.requestTcpSeq === 0 ? "datagram" : "tcp_seq";
    return client;
  }

  #servedRequest(node: RowNode, depth: number): RowNode | undefined {
    const { row, agentKey } = node;
    if (node.rank !== 0) return undefined;
    const isServing = (other: RowNode): boolean =>
      other.isServer && other.agentKey === agentKey && encloses(other, node);
    const later = (a: RowNode, b: RowNode): boolean => a.startNs > b.startNs;
    for (const id of [row.syscallTraceIdRequest, row.syscallTraceIdResponse]) {
      if (id === 0n) continue;
      const server = this.#bySyscall.find(
        Number(id),
        (other) => isServing(other) && sharesSyscallId(other.row, row),
        later,
      );
      if (server !== undefined) return decided(node, server, "syscall_trace_id");
    }
    const sibling = this.#bySyscall.find(
      Number(row.syscallTraceIdRequest),
      (other) =>
        other !== node &&
        !other.isServer &&
        other.agentKey === agentKey &&
        row.syscallTraceIdRequest !== 0n &&
        other.row.syscallTraceIdResponse === row.syscallTraceIdRequest,
    );
    const shared = sibling === undefined || depth > MAX_DEPTH ? null : this.#parentOf(sibling, depth + 1);
    if (shared !== null && isServing(shared)) return decided(node, shared, "syscall_trace_id");
    if (row.processId0 === 0) return undefined;
    const traceId = node.header?.traceId ?? "";
    const byTrace = this.#onlyOne(node, traceId, (other) => isServing(other) && other.header?.traceId === traceId);
    if (byTrace !== undefined) return decided(node, byTrace, "trace_id");
    const requestId = row.xRequestId0;
    const byRequestId = this.#onlyOne(
      node,
      requestId,
      (other) => isServing(other) && (other.row.xRequestId1 === requestId || other.row.xRequestId0 === requestId),
    );
    return byRequestId === undefined ? undefined : decided(node, byRequestId, "x_request_id");
  }

  /** Two candidates are no evidence. */
  #onlyOne(node: RowNode, id: string, matches: (node: RowNode) => boolean): RowNode | undefined {
    if (id === "") return undefined;
    const { row, agentKey } = node;
    let count = 0;
    const found = this.#byContext.find(contextBucket(agentKey, row.processId0, id), (other) => {
      if (other.row.processId1 !== row.processId0 || !matches(other)) return false;
      count++;
      return true;
    });
    return count === 1 ? found : undefined;
  }
}

/** Ids in headers that a call of the same process may carry on. */
function contextIds({ header, row: { xRequestId0, xRequestId1 } }: RowNode): readonly string[] {
  if (header === undefined && xRequestId0 === "" && xRequestId1 === "") return NO_IDS;
  return [...new Set([header?.traceId ?? "", xRequestId0, xRequestId1].filter((id) => id !== ""))];
}

function contextBucket(agentKey: number, processId: number, id: string): number {
  let hash = Math.imul(agentKey, 31) + processId;
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash, 31) + id.charCodeAt(index);
  return hash | 0;
}

function decided(node: RowNode, parent: RowNode, evidence: string): RowNode {
  node.evidence = evidence;
  return parent;
}

function flowBucket(row: L7Row): number {
  return Number(BigInt.asUintN(52, row.flowId)) + row.requestId;
}
