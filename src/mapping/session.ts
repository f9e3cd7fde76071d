/** Pairs the messages of one connection into exchanges: in order, or by the id that the protocol gives them. */
import type { StageAccount } from "./account.ts";
import type { EventMeta } from "./event-meta.ts";
import type { TraceNode } from "./join/trace-node.ts";
import { PairingDoubt } from "./pairing-doubt.ts";
import { MessageRole, type Sender } from "./protocols/protocol.ts";
import type { AnyMessage, AnyProtocol } from "./protocols/registry.ts";

/** One request, and its response as far as it came. It exists from the moment that its request starts. */
export class Exchange<C> {
  /** Changes when the sender of a datagram becomes known. */
  connection: C;
  readonly protocol: AnyProtocol;
  readonly request: AnyMessage;
  readonly requestSender: Sender;
  readonly requestStart: EventMeta;
  /** Stream offset of the request's first byte (UDP: a number made of the payload). */
  readonly requestOffset: number;
  requestEnd: EventMeta | undefined;
  response: AnyMessage | undefined;
  responseStart: EventMeta | undefined;
  responseEnd: EventMeta | undefined;
  /** Why there is no whole response. */
  incomplete: string | undefined;
  isFinished = false;
  /** The response has begun, and what it ended with is lost. */
  isEndHidden = false;
  /** Its place in the graph of traces, once somebody has given it one. */
  node: TraceNode | undefined;

  constructor(
    connection: C,
    protocol: AnyProtocol,
    request: AnyMessage,
    sender: Sender,
    start: EventMeta,
    offset: number,
  ) {
    this.connection = connection;
    this.protocol = protocol;
    this.request = request;
    this.requestSender = sender;
    this.requestStart = start;
    this.requestOffset = offset;
  }
}

export interface ExchangeListener<C> {
  /** The request's beginning is known; its end may not be. */
  requestStarted(exchange: Exchange<C>): void;
  requestEnded(exchange: Exchange<C>): void;
  responseStarted(exchange: Exchange<C>): void;
  responseWithoutRequest(connection: C, meta: EventMeta): void;
  finished(exchange: Exchange<C>): void;
}

interface SessionLimits {
  /** Open exchanges of one connection; the oldest is given up first. */
  readonly maxOpen: number;
  /** A request on an open connection waits so long for its answer. */
  readonly timeoutNs: number;
}

/** A response whose end is hidden is over when nothing has followed for so long. */
const HIDDEN_QUIET_NS = 5_000_000_000;

interface SessionOptions<C> extends SessionLimits {
  /** Requests of the same socket whose sender is not known, for answers that none of ours fits. */
  readonly unassigned?: () => SessionTracker<C> | undefined;
  /** The sender of an answer is not known: who of the same socket has asked with this id? */
  readonly askerOf?: (id: number | string) => SessionTracker<C> | undefined;
}

export class SessionTracker<C> {
  readonly #connection: C;
  readonly #listener: ExchangeListener<C>;
  readonly #account: StageAccount;
  readonly #limits: SessionOptions<C>;
  #ordered: Exchange<C>[] = [];
  #byId: Map<number | string, Exchange<C>> | undefined;
  #hasPipelined = false;
  /** Since its first gap. */
  #doubt: PairingDoubt | undefined;
  #lastMessageNs = 0;
  /** A response that began and whose end a gap has hidden: it ended before the next message starts. */
  #endHidden: Exchange<C> | undefined;
  #hiddenEnd: EventMeta | undefined;
  /** Who has asked up to here may have been answered in bytes that are lost, or that nobody knew for the answer. */
  #lostOrder = -1;
  #lastOrder = -1;
  /** Its request goes on in holes. */
  #inHole: Exchange<C> | undefined;
  #orphan: AnyMessage | undefined;
  /** Who goes on with the response that has begun. */
  #asker: SessionTracker<C> | undefined;

  /** What an exchange without its answer says of itself when the connection is over. */
  closeReason: "connection_closed" | "end_of_input" = "connection_closed";

  /** @param account in messages */
  constructor(connection: C, listener: ExchangeListener<C>, account: StageAccount, limits: SessionOptions<C>) {
    this.#connection = connection;
    this.#listener = listener;
    this.#account = account;
    this.#limits = limits;
  }

  get openCount(): number {
    return this.#ordered.length + (this.#byId?.size ?? 0);
  }

  /** A message starts at `offset` of its direction. */
  begin(protocol: AnyProtocol, message: AnyMessage, sender: Sender, offset: number, meta: EventMeta): void {
    if (message.role === MessageRole.response && message.id !== undefined) {
      this.#asker = this.#limits.askerOf?.(message.id);
      if (this.#asker !== undefined) {
        this.#asker.begin(protocol, message, sender, offset, meta);
        return;
      }
    }
    this.#account.addIn();
    if (message.role === MessageRole.response) this.#beginResponse(message, meta);
    else this.#beginRequest(protocol, message, sender, offset, meta);
    this.#lastMessageNs = meta.timestampNs;
    this.#lastOrder = meta.order;
  }

  /** The message that began ends. */
  end(message: AnyMessage, sender: Sender, meta: EventMeta): void {
    this.#lastMessageNs = meta.timestampNs;
    if (message.role === MessageRole.response) {
      if (this.#asker !== undefined) {
        this.#asker.end(message, sender, meta);
        this.#asker = undefined;
        return;
      }
      if (message === this.#orphan) return;
      const exchange = message.id === undefined ? this.#answeredBy(message) : this.#byId?.get(message.id);
      if (exchange === undefined || exchange.response !== message) return;
      exchange.responseEnd = meta;
      this.#finish(exchange);
      return;
    }
    const exchange = message.id === undefined ? this.#askedBy(message) : this.#byId?.get(message.id);
    if (exchange === undefined || exchange.request !== message || exchange.requestSender !== sender) return;
    exchange.requestEnd = meta;
    this.#listener.requestEnded(exchange);
    if (message.role === MessageRole.oneWay) this.#finish(exchange);
  }

  /**
   * Bytes of `sender` are lost. In-order pairing can't be trusted across it: what is open ends here.
   * @param last the last event of this direction before the gap
   * @param isHole the bytes were sent, and not captured: none of the other direction are lost with them
   */
  gap(sender: Sender, last: EventMeta | undefined, isHole = false): void {
    this.#lostOrder = Math.max(this.#lostOrder, this.#lastOrder);
    if (this.#goesOn(sender, last)) return;
    this.#endHiddenResponse();
    if (isHole && this.#endsInHole(sender, last)) return;
    for (const exchange of this.#ordered.slice()) {
      if (exchange.responseStart !== undefined && exchange.requestSender !== sender && this.#ordered[0] === exchange) {
        this.#endHidden = exchange;
        this.#hiddenEnd = last;
      } else {
        exchange.incomplete = "gap";
        this.#finish(exchange);
      }
    }
    // Answers by id stay right; those whose answer was lost end later, and say so.
    if (!this.#hasPipelined) return;
    this.#doubt ??= new PairingDoubt();
    this.#doubt.arise();
  }

  /** The same response in one more gap: nobody has asked for another. */
  #goesOn(sender: Sender, last: EventMeta | undefined): boolean {
    const exchange = this.#endHidden;
    if (exchange === undefined || exchange.requestSender === sender || this.#ordered.length > 1) return false;
    this.#hiddenEnd = last ?? this.#hiddenEnd;
    return true;
  }

  /** A request that goes on in a hole: the next answer is for it, where nobody asks again before. */
  #endsInHole(sender: Sender, last: EventMeta | undefined): boolean {
    const exchange = this.#ordered[0];
    if (exchange === undefined || this.#ordered.length > 1 || this.#hasPipelined) return false;
    if (!exchange.protocol.asksOneByOne || exchange.requestSender !== sender) return false;
    if (exchange.responseStart !== undefined) return false;
    if (exchange === this.#inHole) return true;
    if (exchange.requestEnd !== undefined) return false;
    this.#inHole = exchange;
    exchange.requestEnd = last ?? exchange.requestStart;
    this.#listener.requestEnded(exchange);
    return true;
  }

  /** An event of a direction whose message boundary is not known yet. */
  unsynced(sender: Sender, meta: EventMeta): void {
    this.#lostOrder = Math.max(this.#lostOrder, meta.order);
    if (this.#endHidden !== undefined && this.#endHidden.requestSender !== sender) this.#hiddenEnd = meta;
  }

  /** Who answers by closing has answered. */
  answersEnd(meta: EventMeta | undefined): void {
    for (const exchange of [...this.#ordered, ...(this.#byId?.values() ?? [])]) {
      if (!exchange.response?.endsAtClose || exchange.responseStart === undefined) continue;
      exchange.responseEnd = exchange.responseEnd ?? meta ?? exchange.responseStart;
      this.#finish(exchange);
    }
  }

  /** The connection is over. */
  close(meta: EventMeta | undefined): void {
    this.#endHiddenResponse();
    this.answersEnd(meta);
    for (const exchange of [...this.#ordered, ...(this.#byId?.values() ?? [])]) {
      exchange.incomplete = this.#reasonOf(exchange, this.closeReason);
      this.#finish(exchange);
    }
  }

  expire(nowNs: number): void {
    if (this.#hiddenEnd !== undefined && nowNs - this.#hiddenEnd.timestampNs > HIDDEN_QUIET_NS)
      this.#endHiddenResponse();
    const before = nowNs - this.#limits.timeoutNs;
    if (this.openCount === 0 || this.#lastMessageNs > before) return;
    this.#endHiddenResponse();
    for (const exchange of [...this.#ordered, ...(this.#byId?.values() ?? [])]) {
      if (exchange.requestStart.timestampNs > before || exchange.request.endsAtClose) continue;
      exchange.incomplete = this.#reasonOf(exchange, "timeout");
      this.#finish(exchange);
    }
  }

  /** Where bytes are lost, nobody knows that there was no answer, or no end of it. */
  #reasonOf({ requestStart }: Exchange<C>, reason: string): string {
    return requestStart.order <= this.#lostOrder ? "gap" : reason;
  }

  #beginRequest(protocol: AnyProtocol, message: AnyMessage, sender: Sender, offset: number, meta: EventMeta): void {
    this.#endHiddenResponse();
    const isPaired = message.id === undefined && message.role === MessageRole.request;
    if (isPaired && this.#doubt?.asks(meta.timestampNs - this.#lastMessageNs) === false) {
      this.#account.addLost("pairing_unsure");
      return;
    }
    if (this.openCount >= this.#limits.maxOpen) this.#dropOldest();
    const exchange = new Exchange(this.#connection, protocol, message, sender, meta, offset);
    if (message.id === undefined) {
      this.#ordered.push(exchange);
    } else {
      this.#byId ??= new Map();
      const replaced = this.#byId.get(message.id);
      if (replaced !== undefined) {
        replaced.incomplete = "id_reused";
        this.#finish(replaced);
      }
      this.#byId.set(message.id, exchange);
    }
    this.#listener.requestStarted(exchange);
  }

  #beginResponse(message: AnyMessage, meta: EventMeta): void {
    if (message.id === undefined) {
      this.#doubt?.answers(meta.timestampNs - this.#lastMessageNs);
      this.#endHiddenResponse();
    }
    const exchange =
      message.id === undefined
        ? this.#answeredBy(undefined)
        : (this.#byId?.get(message.id) ?? this.#takeOver(message.id));
    if (exchange === undefined || exchange.response !== undefined) {
      this.#orphan = message;
      this.#account.addLost("response_without_request");
      this.#listener.responseWithoutRequest(this.#connection, meta);
      return;
    }
    // A second open request alone proves nothing: the first one's answer may be lost.
    if (this.#ordered.length > 1 && this.#ordered[1]!.responseStart === undefined) this.#hasPipelined = true;
    exchange.response = message;
    exchange.responseStart = meta;
    this.#listener.responseStarted(exchange);
  }

  hasAsked(id: number | string): boolean {
    return this.#byId?.has(id) ?? false;
  }

  /** An open request that another tracker shall go on with. */
  release(id: number | string): Exchange<C> | undefined {
    const exchange = this.#byId?.get(id);
    this.#byId?.delete(id);
    return exchange;
  }

  #takeOver(id: number | string): Exchange<C> | undefined {
    const exchange = this.#limits.unassigned?.()?.release(id);
    if (exchange === undefined) return undefined;
    exchange.connection = this.#connection;
    this.#byId ??= new Map();
    this.#byId.set(id, exchange);
    return exchange;
  }

  #endHiddenResponse(): void {
    const exchange = this.#endHidden;
    if (exchange === undefined) return;
    this.#endHidden = undefined;
    exchange.isEndHidden = true;
    exchange.responseEnd = this.#hiddenEnd ?? exchange.responseStart;
    this.#hiddenEnd = undefined;
    this.#finish(exchange);
  }

  /** The first in order with this answer; undefined: with none yet. */
  #answeredBy(response: AnyMessage | undefined): Exchange<C> | undefined {
    for (const exchange of this.#ordered) if (exchange.response === response) return exchange;
    return undefined;
  }

  #askedBy(request: AnyMessage): Exchange<C> | undefined {
    for (const exchange of this.#ordered) if (exchange.request === request) return exchange;
    return undefined;
  }

  #dropOldest(): void {
    const oldest = this.#ordered[0] ?? this.#byId?.values().next().value;
    if (oldest === undefined) return;
    oldest.incomplete = "overflow";
    this.#finish(oldest);
  }

  #finish(exchange: Exchange<C>): void {
    if (exchange.isFinished) return;
    exchange.isFinished = true;
    if (exchange === this.#inHole) this.#inHole = undefined;
    const index = this.#ordered.indexOf(exchange);
    // The array keeps its room where its last element is popped, not where its first is shifted out.
    if (index === this.#ordered.length - 1) this.#ordered.pop();
    else if (index >= 0) this.#ordered.splice(index, 1);
    const id = exchange.request.id;
    if (id !== undefined && this.#byId?.get(id) === exchange) this.#byId.delete(id);
    this.#account.addOut(exchange.response === undefined ? 1 : 2);
    this.#listener.finished(exchange);
  }
}
