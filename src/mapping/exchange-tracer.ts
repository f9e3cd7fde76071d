/** Gives each exchange its place in a trace while it goes on, and makes it a span when it ends. */

import type { HandoverEvent, StreamCallEvent, UnitEdgeEvent } from "../bpf/layout.gen.ts";
import { makeRoom } from "../make-room.ts";
import type { StageAccount } from "./account.ts";
import { isLoopback, isPrivate } from "./address.ts";
import type { Departure } from "./departure.ts";
import type { EngineOptions } from "./engine-options.ts";
import type { EventMeta } from "./event-meta.ts";
import { type ExchangeId, exchangeId, isSameExchange } from "./ids.ts";
import { noteSetUp } from "./join/doubt/connection-setup.ts";
import { type Carried, carriedBy } from "./join/evidence/carried-context.ts";
import type { Connecting } from "./join/evidence/connect.ts";
import type { WakeEdge } from "./join/evidence/wakes.ts";
import type { Joiner } from "./join/join.ts";
import { LateClients } from "./join/late-clients.ts";
import { addCandidate, decide, decideRemote, isDeeperThan } from "./join/trace-graph.ts";
import { TraceNode } from "./join/trace-node.ts";
import type { Unit } from "./join/unit.ts";
import { otlpExport } from "./otlp-export.ts";
import { MessageRole, Sender } from "./protocols/protocol.ts";
import type { Exchange, ExchangeListener } from "./session.ts";
import type { SocketEnd } from "./socket-end.ts";
import type { Attribute } from "./span.ts";
import { draftSpan } from "./span-draft.ts";

const UDP_SALT = 17;
const MAX_DATAGRAM_CALLS = 4096;
const MAX_BEFORE_PEER = 8;
const MAX_MESSAGE_CHAIN = 64;

export class ExchangeTracer implements ExchangeListener<SocketEnd> {
  readonly #options: EngineOptions;
  readonly #account: StageAccount;
  readonly #departure: Departure;
  readonly #joiner: Joiner;
  readonly #isCapture: boolean;
  readonly #late = new LateClients();
  /** Datagram requests that a server on this host may still read, by a number of their id. */
  readonly #datagramCalls = new Map<number, TraceNode>();

  /** @param account in spans */
  constructor(options: EngineOptions, account: StageAccount, departure: Departure, joiner: Joiner) {
    this.#joiner = joiner;
    this.#options = options;
    this.#account = account;
    this.#departure = departure;
    this.#isCapture = options.observer === "capture";
  }

  requestStarted(exchange: Exchange<SocketEnd>): void {
    const end = exchange.connection;
    const localSender = end.isClient ? Sender.client : Sender.server;
    const isServer = exchange.requestSender !== localSender;
    const isHidden = isServer && exchange.protocol.isSetup === true;
    if (isHidden) this.hidden(exchange.requestStart.tgid);
    const start = isServer ? exchange.requestStart : this.#callStart(exchange);
    const unit = this.#isCapture || isHidden ? undefined : this.#unitOf(start, end, isServer);
    const id = idOf(end, exchange.requestOffset, isServer);
    const carried = this.#carried(exchange);
    const isTrusted = carried === undefined || !isServer || this.#isTrusted(end);
    const isPushed = exchange.requestSender === Sender.server;
    const context = isTrusted && !isPushed ? carried?.context : undefined;
    const node = new TraceNode(isServer, id, start, unit, end, context);
    node.protocol = exchange.protocol.name;
    if (typeof exchange.request.id === "number") node.streamId = exchange.request.id;
    if (!isTrusted) node.untrusted = carried?.context;
    else if (isPushed && isServer) node.sentBy = carried?.context;
    else node.token = carried?.token;
    exchange.node = node;
    end.requestCount++;
    node.isFirst = !isServer && end.isFirstRequest(exchange.requestOffset);
    if (this.#isCapture) {
      if (!decideRemote(node, "carried")) decide(node, undefined, undefined);
    } else if (isServer) {
      const found = end.isAnonymous ? undefined : this.#clientOf(end, exchange.requestOffset, node);
      const client = exchange.request.role === MessageRole.oneWay ? endedChain(node, found) : found;
      const mayComeLate = found === undefined && mayComeLater(end);
      this.#joiner.serverStarted(node, client, mayComeLate);
      if (!isHidden) this.#options.work?.requestRead(node);
      if (mayComeLate && !end.isAnonymous && !node.isDecided) this.#late.add(node);
    } else {
      node.destination = end.destination;
      noteSetUp(node, exchange.protocol.signsIn?.(exchange.request) === true);
      node.hasConnection = exchange.request.id === undefined && end.tracker.openCount === 1;
      const server = this.#late.take(id);
      if (server !== undefined) this.#joiner.clientFound(server, node);
      else if (end.transport === "udp") this.#addDatagramCall(node);
      else end.sent.add(exchange.requestOffset, node);
      this.#joiner.clientStarted(node, end.connecting);
      // It names what was read before it, by another connection: a client that opens one for each call would keep all of them.
      end.connecting = undefined;
      this.#options.work?.called(node);
    }
  }

  requestEnded(exchange: Exchange<SocketEnd>): void {
    const node = exchange.node!;
    if (node.isServer && !this.#isCapture) this.#joiner.messageRead(node, exchange.requestEnd!);
  }

  responseStarted(exchange: Exchange<SocketEnd>): void {
    const node = exchange.node!;
    if (this.#isCapture) return;
    if (node.connection !== exchange.connection) this.#senderKnown(exchange, node);
    if (!node.isServer) {
      this.#joiner.messageRead(node, exchange.responseStart!);
      return;
    }
    this.#joiner.serverAnswers(node, exchange.responseStart!, false);
    this.#options.work?.answered(node, exchange.responseStart!);
  }

  finished(exchange: Exchange<SocketEnd>): void {
    const node = exchange.node!;
    const end = exchange.connection;
    const responseEnd = exchange.responseEnd;
    if (!this.#isCapture) {
      if (node.isServer) {
        if (responseEnd !== undefined) this.#joiner.serverAnswers(node, responseEnd, true);
        this.#joiner.serverFinished(node, responseEnd);
        this.#late.finished(node, (responseEnd ?? exchange.requestStart).timestampNs);
        if (responseEnd !== undefined) this.#options.work?.answered(node, responseEnd);
        this.#options.work?.finished(node, (responseEnd ?? exchange.requestStart).timestampNs);
      } else {
        if (!mayBeRead(exchange)) end.sent.delete(exchange.requestOffset, node);
        this.#joiner.clientFinished(node, responseEnd);
        if (responseEnd !== undefined) this.#options.work?.replied(node, responseEnd);
      }
    }
    this.#account.addIn();
    const draft = draftSpan(exchange, node, this.#options.describe, this.#isCapture);
    if (draft === undefined) {
      node.isLeftOut = true;
      this.#account.addConsumed("no_span");
    } else if (this.#isExport(exchange, node, draft.fields.attributes)) {
      node.isLeftOut = true;
      this.#account.addConsumed("otlp_export");
    } else if (node.isMadeByOthers) {
      node.isLeftOut = true;
      this.#account.addConsumed("sdk_span");
    } else {
      this.#departure.add(draft);
    }
  }

  /** An export of telemetry that makes no span. One of spans shows that its process makes spans itself. */
  #isExport(exchange: Exchange<SocketEnd>, node: TraceNode, attributes: readonly Attribute[]): boolean {
    const signal = otlpExport(attributes, () => contentType(exchange));
    if (signal === undefined) return false;
    if (signal === "traces" && !node.isServer && !this.#isCapture) this.#joiner.exportsSpans(node.start.tgid);
    return !this.#options.keepsOtlpExports;
  }

  /** Bytes came in, whatever they are. */
  bytesRead(meta: EventMeta, isFromClient: boolean): void {
    if (!this.#isCapture) this.#joiner.bytesRead(meta, isFromClient);
  }

  /** A thread of a JVM tells where its next object will lie. */
  placed(meta: EventMeta): void {
    if (!this.#isCapture) this.#joiner.placed(meta);
  }

  /** @returns to be kept with the socket; undefined where there is nobody to ask */
  connecting(meta: EventMeta): Connecting | undefined {
    return this.#isCapture ? undefined : this.#joiner.connecting(meta);
  }

  /** @param nowNs monotonic */
  advance(nowNs: number): void {
    this.#late.advance(nowNs);
    this.#joiner.advance(nowNs);
    this.#options.work?.advance(nowNs);
  }

  /** Threads of this process answer what they have read themselves. */
  servesByThread(tgid: number): boolean {
    return this.#joiner.servesByThread(tgid);
  }

  hidden(tgid: number): void {
    if (!this.#isCapture) this.#joiner.hidden(tgid);
  }

  /** Events of this process are missing. */
  lossSeen(meta: EventMeta): void {
    if (!this.#isCapture) this.#joiner.lossSeen(meta.timestampNs, meta.tgid);
  }

  /** Events of any process are missing. */
  interrupted(nowNs: number): void {
    this.#joiner.lossSeen(nowNs);
  }

  /** An answer to nothing: its request was lost. */
  responseWithoutRequest(end: SocketEnd, meta: EventMeta): void {
    if (!end.isClient) this.lossSeen(meta);
  }

  woken(tgid: number, edge: WakeEdge): void {
    if (!this.#isCapture) this.#joiner.woken(tgid, edge);
  }

  handover(event: HandoverEvent, order: number): void {
    if (!this.#isCapture) this.#joiner.handover(event, order);
  }

  streamCall(event: StreamCallEvent): void {
    if (!this.#isCapture) this.#joiner.streamCallsOf(event.header.tgid).told(event);
  }

  unitEdge(event: UnitEdgeEvent, order: number): void {
    if (!this.#isCapture) this.#joiner.unitEdge(event, order);
  }

  exited(tgid: number): void {
    this.#joiner.exited(tgid);
    this.#options.work?.exited(tgid);
  }

  /** The answer has shown who sent the datagram: from here on the exchange has its identity. */
  #senderKnown(exchange: Exchange<SocketEnd>, node: TraceNode): void {
    const end = exchange.connection;
    node.connection = end;
    node.id = idOf(end, exchange.requestOffset, node.isServer);
    const client = this.#clientOf(end, exchange.requestOffset, node);
    if (client !== undefined) this.#joiner.clientFound(node, client);
    else if (!node.isDecided) this.#late.add(node);
  }

  #callStart({ request, requestStart }: Exchange<SocketEnd>): EventMeta {
    const isOfGoroutine = requestStart.coroutineId !== 0 && typeof request.id === "number" && !this.#isCapture;
    return isOfGoroutine
      ? this.#joiner.streamCallsOf(requestStart.tgid).startOf(requestStart, request.id as number)
      : requestStart;
  }

  #unitOf(start: EventMeta, end: SocketEnd, isServer: boolean): Unit {
    return isServer ? this.#joiner.readerOf(start, end) : this.#joiner.unitOf(start);
  }

  #clientOf(end: SocketEnd, offset: number, node: TraceNode): TraceNode | undefined {
    if (end.transport === "tcp") return end.peer?.sent.take(offset);
    const key = keyOf(node.id);
    const client = this.#datagramCalls.get(key);
    if (client === undefined || !isSameExchange(client.id, node.id)) return undefined;
    this.#datagramCalls.delete(key);
    return client;
  }

  #addDatagramCall(node: TraceNode): void {
    const calls = this.#datagramCalls;
    makeRoom(calls, MAX_DATAGRAM_CALLS);
    calls.set(keyOf(node.id), node);
  }

  #carried(exchange: Exchange<SocketEnd>): Carried | undefined {
    const protocol = exchange.protocol;
    if (protocol.carried === undefined) return undefined;
    return carriedBy((name) => protocol.carried!(exchange.request, name), this.#options.contextHeaders);
  }

  #isTrusted(end: SocketEnd): boolean {
    const address = end.tuple.remoteAddress;
    return this.#options.trustsContextFrom?.(address) ?? isPrivate(address);
  }
}

/** Is the client's end on this host, or may it be, although it was not told yet? */
function mayComeLater(end: SocketEnd): boolean {
  return end.transport === "udp" || end.peer !== undefined || isLoopback(end.tuple.remoteAddress);
}

/**
 * Who answers each message with another goes on for as long as the connection is open: a trace holds so many of them, and the
 * next one begins with a link to the last.
 */
function endedChain(node: TraceNode, sender: TraceNode | undefined): TraceNode | undefined {
  if (sender === undefined || !isDeeperThan(sender, MAX_MESSAGE_CHAIN)) return sender;
  sender.hasServer = true;
  addCandidate(node, sender, "exchange");
  return undefined;
}

/**
 * A message without an answer is over when it is sent; a server on this host reads it later. Where none is known it is kept for
 * the connection's first messages alone, before the other end has told anything.
 */
function mayBeRead({ connection: end, response, node }: Exchange<SocketEnd>): boolean {
  if (response !== undefined || node!.hasServer) return false;
  return end.peer !== undefined || end.requestCount <= MAX_BEFORE_PEER;
}

/** The id of a request: of the end that sent it first. */
function idOf(end: SocketEnd, offset: number, isServer: boolean): ExchangeId {
  const { localPort, remotePort } = end.tuple;
  if (end.transport === "udp") {
    return isServer
      ? exchangeId(remotePort, localPort, offset, UDP_SALT)
      : exchangeId(localPort, remotePort, offset, UDP_SALT);
  }
  if (!end.hasIdentity) {
    // Nothing that another host could know: the socket's own number tells it from others on this one.
    return exchangeId(end.cookie | 0, Math.floor(end.cookie / 0x100000000), offset, isServer ? 2 : 1);
  }
  const { localFirstSequence, remoteFirstSequence } = end;
  return isServer
    ? exchangeId(remoteFirstSequence, localFirstSequence, offset, 0)
    : exchangeId(localFirstSequence, remoteFirstSequence, offset, 0);
}

function keyOf(id: ExchangeId): number {
  return (id.a >>> 0) * 0x200000 + (id.b & 0x1fffff);
}

function contentType(exchange: Exchange<SocketEnd>): string | undefined {
  return exchange.protocol.carried?.(exchange.request, "content-type");
}
