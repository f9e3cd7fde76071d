/** Events in, spans out: sockets -> connections -> exchanges -> traces -> spans. Pure: time and facts come from outside. */

import {
  CauseKind,
  DataSource,
  Direction,
  type HandoverEvent,
  type IoEvent,
  ProcessAction,
  type ProcessEvent,
  type SocketDataEvent,
  type SocketRole,
  type SocketStateEvent,
  type StreamCallEvent,
  type UnitEdgeEvent,
  UnitKind,
  type WakeEvent,
} from "../bpf/layout.gen.ts";
import { makeRoom } from "../make-room.ts";
import { StageAccount } from "./account.ts";
import { ADDRESS_FAMILY_UNIX } from "./address.ts";
import { commOf } from "./comm.ts";
import { Connection } from "./connection/connection.ts";
import type { ConnectionOptions } from "./connection/connection-options.ts";
import { Datagrams } from "./connection/datagrams.ts";
import { UnixStreams } from "./connection/unix-streams.ts";
import { Departure } from "./departure.ts";
import { type EngineOptions, type EngineOutput, TcpState } from "./engine-options.ts";
import { metaOf, metaOfConnect } from "./event-meta.ts";
import { ExchangeTracer } from "./exchange-tracer.ts";
import { type IoOptions, IoTracer } from "./io/io-tracer.ts";
import type { Connecting } from "./join/evidence/connect.ts";
import { Joiner } from "./join/join.ts";
import { PROTOCOLS } from "./protocols/registry.ts";
import { SessionTracker } from "./session.ts";
import { SocketEnd } from "./socket-end.ts";
import { SocketTable } from "./socket-table.ts";

const IPPROTO_UDP = 17;
const NO_NAME = new Uint8Array(0);
/** A socket's last bytes may be read just behind its end. */
const LINGER_NS = 50_000_000;
/** For what a recording brings. */
const DEFAULT_IO: IoOptions = { as: "spans", keepsOrphans: false, maxPerRequest: 32 };
const SWEEP_NS = 5_000_000_000;
const IDLE_NS = 900_000_000_000;
/** Nothing tells of their end, and a resolver takes a new socket for each lookup: 5 kB for each end. */
const DATAGRAMS_IDLE_NS = 60_000_000_000;
const MAX_CONNECTING = 16_384;

export class TraceEngine {
  readonly accounts: readonly StageAccount[];
  readonly #options: EngineOptions;
  readonly #output: EngineOutput;
  readonly #bytes = new StageAccount("stream", "bytes");
  readonly #messages = new StageAccount("session", "messages");
  readonly #spans = new StageAccount("span", "spans");
  readonly #sockets: SocketTable;
  readonly #departure: Departure;
  readonly #tracer: ExchangeTracer;
  readonly #io: IoTracer;
  /** Sockets that wait for something that is missing. */
  readonly #waiting = new Set<SocketEnd>();
  /** Sockets that have ended, in the order of their ends. */
  #closing: { end: SocketEnd; deadlineNs: number }[] = [];
  /** Sockets without data that were seen from their beginning. */
  readonly #opened = new Set<number>();
  /** The connect(2) of sockets without data. */
  readonly #connecting = new Map<number, Connecting>();
  readonly #unix: UnixStreams;
  #order = 0;
  #nowNs = 0;
  #sweptNs = 0;

  constructor(options: EngineOptions, output: EngineOutput) {
    this.#options = options;
    this.#output = output;
    this.accounts = [this.#bytes, this.#messages, this.#spans];
    this.#sockets = new SocketTable(options.maxConnections ?? 65_536, (end) => this.#close(end));
    this.#unix = new UnixStreams((end, nowNs) => this.#closing.push({ end, deadlineNs: nowNs + LINGER_NS }));
    this.#departure = new Departure(
      {
        settleNs: options.settleNs,
        maxHeldBytes: options.maxHeldBytes ?? 32 * 1024 * 1024,
        clockOffsetNs: () => options.clockOffsetNs(),
        resourceOf: (tgid) => options.resourceOf(tgid),
        fallbackResource: (tgid, comm) => options.fallbackResource(tgid, comm),
        left: options.left?.bind(options),
      },
      this.#spans,
      (spans) => output.spans(spans),
    );
    const joiner = new Joiner({
      sdkSpans: options.sdkSpans,
      areThreadsUnits: options.areThreadsUnits?.bind(options),
      watch: options.watch,
    });
    this.#tracer = new ExchangeTracer(options, this.#spans, this.#departure, joiner);
    this.#io = new IoTracer(options.io ?? DEFAULT_IO, this.#spans, this.#departure, joiner);
  }

  /** Threads of this process answer what they have read themselves, as far as it has shown. */
  servesByThread(tgid: number): boolean {
    return this.#tracer.servesByThread(tgid);
  }

  /** @param bytes the captured bytes, only valid during the call */
  socketData(event: SocketDataEvent, bytes: Uint8Array): void {
    const nowNs = event.header.timestampNs;
    if (nowNs > this.#nowNs) this.#nowNs = nowNs;
    const end = this.#sockets.find(event) ?? this.#open(event);
    if (end.isExcluded) {
      this.#bytes.addIn(event.callLength);
      this.#bytes.addConsumed("excluded", event.callLength);
      return;
    }
    end.lastNs = nowNs;
    if (!end.hasIdentity) this.#sockets.identify(end, event.localFirstSequence, event.remoteFirstSequence);
    const connection = end.connection;
    const wasOpaque = connection.isOpaque;
    const meta = metaOf(event, ++this.#order);
    if (event.causeKind === CauseKind.javaPlace || event.unitKind === UnitKind.jvmVirtualThread)
      this.#tracer.placed(meta);
    if (event.direction === Direction.ingress) this.#tracer.bytesRead(meta, !end.isClient);
    connection.push(event.direction, event.streamOffset, event.callLength, bytes, meta, event.flags, event.eventNumber);
    if (connection.deadlineNs !== Number.POSITIVE_INFINITY) this.#waiting.add(end);
    if (!wasOpaque && connection.isOpaque && !end.isClient) this.#tracer.hidden(event.header.tgid);
  }

  /** @param name of the server, where an AF_UNIX socket is told for the first time; only valid during the call */
  socketState(event: SocketStateEvent, name: Uint8Array = NO_NAME): void {
    if (event.addressFamily === ADDRESS_FAMILY_UNIX) {
      this.#unix.changed(event, name, this.#sockets.ofCookie(event.socketCookie));
      return;
    }
    if (event.newState === TcpState.synSent) {
      const connecting = this.#tracer.connecting(metaOfConnect(event, ++this.#order));
      if (connecting === undefined) return;
      makeRoom(this.#connecting, MAX_CONNECTING);
      this.#connecting.set(event.socketCookie, connecting);
    } else if (event.newState === TcpState.established) {
      // Before its first byte; a socket that is never used must cost nothing.
      if (this.#opened.size >= 65_536) this.#opened.clear();
      this.#opened.add(event.socketCookie);
    } else if (event.newState === TcpState.finWait1 || event.newState === TcpState.lastAck) {
      for (const end of this.#sockets.ofCookie(event.socketCookie)) {
        end.closedNs ??= event.header.timestampNs;
        if (!end.isClient) end.connection.closedHere();
      }
    } else if (event.newState === TcpState.close) {
      this.#opened.delete(event.socketCookie);
      this.#connecting.delete(event.socketCookie);
      for (const end of this.#sockets.ofCookie(event.socketCookie)) {
        end.closedNs ??= event.header.timestampNs;
        if (end.isClient && event.oldState === TcpState.lastAck) end.connection.closedHere();
        this.#closing.push({ end, deadlineNs: event.header.timestampNs + LINGER_NS });
      }
    }
  }

  /** @param names the file's path as the event brings it, only valid during the call */
  io(event: IoEvent, names: Uint8Array): void {
    this.#io.event(event, names, ++this.#order);
  }

  process(event: ProcessEvent): void {
    if (event.action === ProcessAction.exit || event.action === ProcessAction.exec)
      this.#tracer.exited(event.header.tgid);
  }

  /** One thread of a process wakes another. */
  wake(event: WakeEvent): void {
    const { tgid, pid, timestampNs } = event.header;
    const { woken, wakerRanNs, wokenRanNs } = event;
    this.#tracer.woken(tgid, { waker: pid, woken, timestampNs, wakerRanNs, wokenRanNs });
  }

  handover(event: HandoverEvent): void {
    this.#tracer.handover(event, ++this.#order);
  }

  streamCall(event: StreamCallEvent): void {
    this.#tracer.streamCall(event);
  }

  unitEdge(event: UnitEdgeEvent): void {
    this.#tracer.unitEdge(event, ++this.#order);
  }

  /** @param nowNs monotonic */
  advance(nowNs: number): void {
    if (nowNs > this.#nowNs) this.#nowNs = nowNs;
    for (const end of this.#waiting) {
      if (end.connection.deadlineNs <= nowNs) end.connection.advance(nowNs);
      if (end.connection.deadlineNs === Number.POSITIVE_INFINITY) this.#waiting.delete(end);
    }
    let closed = 0;
    while (closed < this.#closing.length && this.#closing[closed]!.deadlineNs <= nowNs) {
      this.#sockets.remove(this.#closing[closed]!.end);
      closed++;
    }
    if (closed > 0) this.#closing.splice(0, closed);
    if (nowNs - this.#sweptNs >= SWEEP_NS) {
      this.#sweptNs = nowNs;
      for (const end of this.#sockets.all()) {
        end.tracker.expire(nowNs);
        const idleNs = end.transport === "udp" ? DATAGRAMS_IDLE_NS : IDLE_NS;
        if (nowNs - end.lastNs > idleNs && end.tracker.openCount === 0) this.#sockets.remove(end);
      }
    }
    this.#tracer.advance(nowNs);
    this.#departure.advance(nowNs);
  }

  /** Of calls before this moment, and after the last one that was told, nothing is known. */
  interrupted(nowNs: number): void {
    this.#tracer.interrupted(nowNs);
  }

  /** The end of the input: everything that can leave leaves. */
  flush(): void {
    const isClosing = new Set(this.#closing.map(({ end }) => end));
    for (const end of this.#sockets.all()) {
      // The connection may be as alive as ever: it is the view of it that ends.
      if (!isClosing.has(end)) end.tracker.closeReason = "end_of_input";
      this.#sockets.remove(end);
    }
    this.#closing = [];
    this.#waiting.clear();
    this.#tracer.advance(Number.POSITIVE_INFINITY);
    this.#io.flush();
    this.#departure.flush();
  }

  #open(event: SocketDataEvent): SocketEnd {
    const { localFirstSequence, remoteFirstSequence } = event;
    const end = new SocketEnd(
      event.socketCookie,
      event.protocol,
      event.tuple,
      localFirstSequence,
      remoteFirstSequence,
      event.source === DataSource.tlsLibrary,
      event.addressFamily === ADDRESS_FAMILY_UNIX ? this.#unix.nameOf(event.socketCookie) : undefined,
    );
    end.comm = commOf(event.comm);
    const { localPort, remotePort } = event.tuple;
    const Kind = event.protocol === IPPROTO_UDP ? Datagrams : Connection;
    end.connection = new Kind(event.role as SocketRole, localPort, remotePort, this.#connectionOptions(end));
    end.tracker = new SessionTracker(end, this.#tracer, this.#messages, {
      maxOpen: this.#options.maxOpenExchanges ?? 1024,
      timeoutNs: this.#options.exchangeTimeoutNs ?? 300_000_000_000,
      ...(end.transport === "udp" ? this.#siblings(end) : {}),
    });
    end.isExcluded =
      this.#options.isExcluded?.({
        socketCookie: end.cookie,
        tgid: event.header.tgid,
        comm: end.comm,
        local: end.local,
        remote: end.remote,
        localFirstSequence,
        remoteFirstSequence,
      }) ?? false;
    if (this.#opened.delete(event.socketCookie)) end.connection.opened();
    end.connecting = this.#connecting.get(event.socketCookie);
    this.#connecting.delete(event.socketCookie);
    end.lastNs = event.header.timestampNs;
    this.#sockets.add(end);
    return end;
  }

  #connectionOptions(end: SocketEnd): ConnectionOptions {
    const { protocols, streamBufferBytes, streamWaitNs, tellsUnknownConnections } = this.#options;
    return {
      protocols: protocols ?? PROTOCOLS,
      streamLimits: {
        bufferBytes: streamBufferBytes ?? 256 * 1024,
        maxPieces: 256,
        waitNs: streamWaitNs ?? 5_000_000,
      },
      account: this.#bytes,
      tellsUnknown: end.socketName === undefined && (tellsUnknownConnections ?? false),
      listener: {
        recognized: (protocol, role, nowNs) => end.peer?.connection.adopt(protocol, role, nowNs),
        begin: (protocol, message, sender, offset, meta) => end.tracker.begin(protocol, message, sender, offset, meta),
        end: (message, sender, meta) => end.tracker.end(message, sender, meta),
        gap: (sender, last, isHole) => end.tracker.gap(sender, last, isHole),
        missing: (meta) => this.#tracer.lossSeen(meta),
        unsynced: (sender, meta) => end.tracker.unsynced(sender, meta),
        answersEnd: (last) => end.tracker.answersEnd(last),
        close: (last) => end.tracker.close(last),
      },
      verdict: (verdict) => this.#output.verdict(end.cookie, verdict),
    };
  }

  /** Where the kernel does not say who sent a datagram, the other flows of the socket may know. */
  #siblings(end: SocketEnd) {
    if (!end.isAnonymous) return { unassigned: () => this.#sockets.anonymousOf(end.cookie)?.tracker };
    return {
      askerOf: (id: number | string) =>
        this.#sockets.findFlow(end.cookie, (flow) => flow !== end && flow.tracker.hasAsked(id))?.tracker,
    };
  }

  #close(end: SocketEnd): void {
    this.#waiting.delete(end);
    end.connection.close();
  }
}
