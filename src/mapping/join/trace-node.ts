/** One end of an exchange in the graph of traces. It exists from the moment that its request starts. */
import type { EventMeta } from "../event-meta.ts";
import { clientSpanId, type ExchangeId, serverSpanId, traceIdOf } from "../ids.ts";
import type { Attribute } from "../span.ts";
import type { TraceContext } from "./evidence/carried-context.ts";
import type { Run } from "./evidence/same-run.ts";
import type { OpenRequests } from "./open-requests.ts";
import type { Stretch } from "./thread-log.ts";
import type { Unit } from "./unit.ts";

/** A possible parent that nobody could prove. */
export interface Candidate {
  readonly node: TraceNode;
  readonly evidence: string;
}

/** An event of a span, in the kernel's time. */
interface NodeEvent {
  readonly timestampNs: number;
  readonly name: string;
  readonly attributes: readonly Attribute[];
}

/** The connection of an exchange: same object, same connection. */
export interface NodeConnection {
  /** The local end has begun to close it. */
  readonly isClosing?: boolean;
  /** Key of the unit that has signed in, while nobody else has called on it; 0: nobody is known to have. */
  signedInBy?: number;
}

export class TraceNode {
  readonly isServer: boolean;
  /** A datagram's changes once, when its sender is known. */
  id: ExchangeId;
  readonly start: EventMeta;
  /** The unit of work that sent (client) or read (server) the request; undefined: nobody serves it. */
  readonly unit: Unit | undefined;
  connection: NodeConnection;
  /** What the request carries, as far as it is trusted. */
  readonly carried: TraceContext | undefined;
  /** What else it carries that names the request, as far as it is trusted. */
  token: string | undefined;
  /** Servers: another open request came with the same token. */
  sharesToken = false;
  /** Servers: a library of the process makes this span. */
  isMadeByOthers = false;
  /** What the request carries, from a network that is not trusted. */
  untrusted: TraceContext | undefined;
  parent: TraceNode | undefined;
  /** The parent is a span that others make. */
  remoteParent: TraceContext | undefined;
  evidence: string | undefined;
  candidates: Candidate[] | undefined;
  /** Its parent, or that it has none, is settled and never changes. */
  isDecided = false;
  /** Spans that can't leave before this node is decided. */
  waiting: (() => void)[] | undefined;
  /** Set once the trace that it belongs to is known for good. */
  traceId: string | undefined;
  /** Clients: nobody but its unit has called on its connection by then, and that unit has signed in there. */
  mayBeSetUp = false;
  /** A client whose request a server on this host has read. */
  hasServer = false;
  /** The exchange is over. */
  isFinished = false;
  /** When it was over. */
  endNs = 0;
  /** Servers: when the process had answered the request before it. */
  quietSinceNs = 0;
  /** Servers: where it is among the open requests of its process; of OpenRequests alone. */
  openIn: OpenRequests | undefined;
  openedBefore: TraceNode | undefined;
  openedNext: TraceNode | undefined;
  /** It makes no span of its own. */
  isLeftOut = false;
  /** Servers: it was read while an earlier request of its connection was not answered. */
  isPipelined = false;
  /** Of these, where answers come in order: the order of the end of the one before it. Until then nobody worked on it. */
  turnOrder = -1;
  /** Of these: the answer before it went out alone and in one piece, so that nothing waits behind it to be written. */
  hasSureTurn = false;
  /** Of these, until it is answered: the one before it. */
  before: TraceNode | undefined;
  /** Servers, where answers come in order: of the first request that was read while this one was open; -1: none was. */
  behindOrder = -1;
  /** Servers: the answer of the next request of the connection began in the write that ended its own. */
  isWithNext = false;
  /** Servers: of the first bytes of its answer; -1: none yet. */
  answerOrder = -1;
  /** The thread that wrote them. */
  answerPid = 0;
  /** Servers: calls that its task has waited for, to be told by its answer. */
  awaited: TraceNode[] | undefined;
  /** Servers: events were lost while it was open; whether it still is, nobody knows. */
  isDoubtful = false;
  /** Clients: what the thread read before it sent the call, or before it opened the connection for it. */
  stretch: Stretch | undefined;
  /** Clients, Node: the calls that the same code made. */
  run: Run | undefined;
  /** Servers: a loop has read on with neither a call nor an answer to it sent. */
  isPutOff = false;
  /** Clients: a request that was put off was open when the call went out, which may be for that one, whatever was read last. */
  isBesidePutOff = false;
  /** Clients: what was read before it, and who was answered behind its answer, are two requests. */
  isDisputed = false;
  /** Clients: another call went out in the callback of its answer. */
  isFollowed = false;
  /** Servers: who has read it had never answered anything by then. */
  isReactors = false;
  /** Servers: a call is known to have been made for it. */
  hasCall = false;
  /** Clients: the first request of its connection, which had to be there first. */
  isFirst = false;
  /** Of these, where it tells more than who sends: the unit that opened the connection, and the order of that. */
  opened: { readonly unit: Unit; readonly order: number } | undefined;
  /** Clients: an epoll instance has its socket, so whoever sends and reads on it may do so for several. */
  isWatched: boolean;
  /** Clients: who has sent it waited for its answer by a read that would have slept until that came. */
  isSleptFor = false;
  /** Clients: its thread had made another call, which was not over. */
  isBeside = false;
  /** Clients: its parent is nearly known. */
  isHeld = false;
  /** Clients, Node: what awaits its answer may tell its parent, be that over by then. */
  isAwaited = false;
  /** Servers: what tells the requests of a connection apart that are open at once (HTTP/2's stream); 0: nothing does. */
  streamId = 0;
  /** Registry name of what the exchange speaks. */
  protocol = "";
  /** What a message that was pushed here carries: its sender's span, which is linked and no parent. */
  sentBy: TraceContext | undefined;
  /** Clients: the connection carries one call after the other, and no other one is open. */
  hasConnection = false;
  /** Clients: where the call goes, to tell calls of one kind. */
  destination = "";
  /** What happened within it, to be told in its span. */
  events: NodeEvent[] | undefined;
  /** Reads and writes of files that were made for it. */
  ioCount = 0;
  #spanId: string | undefined;

  constructor(
    isServer: boolean,
    id: ExchangeId,
    start: EventMeta,
    unit: Unit | undefined,
    connection: NodeConnection,
    carried: TraceContext | undefined,
  ) {
    this.isServer = isServer;
    this.id = id;
    this.start = start;
    this.unit = unit;
    this.connection = connection;
    this.carried = carried;
    this.isWatched = start.isWatched;
  }

  addEvent(event: NodeEvent): void {
    this.events ??= [];
    this.events.push(event);
  }

  get spanId(): string {
    this.#spanId ??= this.isServer ? serverSpanId(this.id) : clientSpanId(this.id);
    return this.#spanId;
  }

  /** The trace that starts here, if this is a root. */
  get ownTraceId(): string {
    return traceIdOf(this.id);
  }
}
