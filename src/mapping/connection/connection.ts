/**
 * One end of a TCP connection: two streams, the role, the protocol that its bytes speak, and what its messages are.
 * The two ends of a connection inside one host are two connections here.
 */
import { Direction, SocketRole } from "../../bpf/layout.gen.ts";
import type { EventMeta } from "../event-meta.ts";
import { NEED_MORE, Sender, UPGRADE_TO_ANY } from "../protocols/protocol.ts";
import type { AnyProtocol } from "../protocols/registry.ts";
import { newUnknownConnection, type UnknownConnection, unknownConnection } from "../protocols/unknown-connection.ts";
import { boundaryIn, mayBegin } from "./boundary.ts";
import { CaptureSteering } from "./capture-steering.ts";
import type { ConnectionOptions } from "./connection-options.ts";
import { lastOf, Side, Sink } from "./connection-side.ts";
import { recognize, UNKNOWN } from "./recognition.ts";
import { Stream } from "./stream.ts";

/** So many bytes must be enough to tell a protocol. */
const RECOGNITION_BYTES = 4096;
/** So many times in a row bytes may be no message of the protocol before the connection is given up. */
const MAX_INVALID = 8;
const NEVER = Number.POSITIVE_INFINITY;

export class Connection {
  readonly #localPort: number;
  readonly #remotePort: number;
  readonly #options: ConnectionOptions;
  readonly #ingress: Side;
  readonly #egress: Side;
  readonly #steering: CaptureSteering;
  /** As the kernel says, else as the content says. */
  role: SocketRole;
  protocol: AnyProtocol | undefined;
  #state: unknown;
  /** Nothing that it sends is of use. */
  isOpaque = false;
  #isDropped = false;
  #opaqueReason = "unknown_protocol";
  #invalidCount = 0;
  #isClosed = false;
  readonly #sink: Sink = new Sink();
  #unknown: UnknownConnection | undefined;

  constructor(role: SocketRole, localPort: number, remotePort: number, options: ConnectionOptions) {
    this.role = role;
    this.#options = options;
    this.#localPort = localPort;
    this.#remotePort = remotePort;
    this.#ingress = new Side(new Stream(options.account, options.streamLimits), Direction.ingress);
    this.#egress = new Side(new Stream(options.account, options.streamLimits), Direction.egress);
    this.#steering = new CaptureSteering(this.#ingress, this.#egress, (verdict) => options.verdict(verdict));
  }

  /** The connection was seen before its first byte: bytes that are missing at the start are missing. */
  opened(): void {
    for (const side of [this.#ingress, this.#egress]) if (!side.stream.isStarted) side.stream.start(0);
  }

  /**
   * @param bytes only valid during the call
   * @param eventNumber of the socket and direction; one is missing where an event was lost
   */
  push(
    direction: number,
    offset: number,
    length: number,
    bytes: Uint8Array,
    meta: EventMeta,
    flags: number,
    eventNumber = -1,
  ): void {
    const side = direction === Direction.ingress ? this.#ingress : this.#egress;
    if (this.isOpaque) {
      this.#options.account.addIn(length);
      this.#options.account.addConsumed(this.#opaqueReason, length);
      if (this.#unknown !== undefined) {
        this.#unknown.bytes[this.#senderOf(side)] += length;
        side.last = meta;
      }
      if (this.#isDropped) this.#steering.drop(meta.timestampNs);
      return;
    }
    const stream = side.stream;
    side.first ??= { meta, offset };
    if (!stream.isStarted) side.begin(offset, side === this.#ingress ? this.#egress : this.#ingress);
    side.take(offset, length, bytes, meta, flags, eventNumber);
    const isMissing = stream.hasObstacle && stream.obstacle!.isMissing;
    if (isMissing && !side.hasMissing) this.#options.listener.missing(meta);
    side.hasMissing = isMissing;
    this.advance(meta.timestampNs);
    stream.settle();
    if (this.protocol !== undefined && !this.isOpaque) {
      this.#steering.read(side, flags, this.protocol, this.#state, this.role === SocketRole.client);
    }
  }

  /** When `advance` has something to do; infinity: never. */
  get deadlineNs(): number {
    return this.isOpaque ? NEVER : Math.min(this.#ingress.deadlineNs, this.#egress.deadlineNs);
  }

  /** Gives up waiting for what did not come in time. */
  advance(nowNs: number): void {
    if (this.isOpaque) return;
    if (this.protocol === undefined) this.#recognize(nowNs);
    else this.#read(nowNs);
  }

  /** A server has closed its end, or a client after its server. */
  closedHere(): void {
    const side = this.role === SocketRole.client ? this.#ingress : this.#egress;
    if (this.isOpaque || this.#isClosed || !side.isEmpty) return;
    this.#options.listener.answersEnd(lastOf(this.#ingress, this.#egress));
  }

  /** No more bytes will come. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.isOpaque) {
      this.advance(NEVER);
      for (const side of [this.#ingress, this.#egress]) {
        if (this.#unknown === undefined) this.#tellUnknown();
        this.#takeCut(side);
        if (!side.isCutShort) this.#finishEnding(side, side.last);
        side.stream.end(this.protocol === undefined ? "unknown_protocol" : "incomplete_message");
      }
    }
    const last = lastOf(this.#ingress, this.#egress);
    if (this.#unknown !== undefined && last !== undefined) {
      this.#options.listener.end(this.#unknown, Sender.client, last);
    }
    this.#options.listener.close(last);
  }

  /** The message of a connection that nobody can read begins with its first event. */
  #tellUnknown(): void {
    const sides = [this.#ingress, this.#egress].filter((side) => side.first !== undefined);
    if (!this.#options.tellsUnknown || this.protocol !== undefined || sides.length === 0) return;
    if (this.role === SocketRole.unknown) {
      this.role = this.#localPort < this.#remotePort ? SocketRole.server : SocketRole.client;
    }
    const unknown = newUnknownConnection();
    for (const side of sides) unknown.bytes[this.#senderOf(side)] = side.stream.knownEnd - side.first!.offset;
    this.#unknown = unknown;
    const meta = sides.reduce((a, b) => (a.first!.meta.order < b.first!.meta.order ? a : b)).first!.meta;
    this.#options.listener.begin(unknownConnection, unknown, Sender.client, 0, meta);
  }

  /** While nobody knows the role, the lower port is more likely the server's. */
  get #serverPort(): number {
    if (this.role === SocketRole.client) return this.#remotePort;
    return this.role === SocketRole.server ? this.#localPort : Math.min(this.#localPort, this.#remotePort);
  }

  #senderOf(side: Side): Sender {
    return (side.direction === Direction.egress) === (this.role === SocketRole.client) ? Sender.client : Sender.server;
  }

  #recognize(nowNs: number): void {
    const claim = recognize(
      this.#options.protocols,
      this.#egress.start,
      this.#ingress.start,
      this.role === SocketRole.unknown ? undefined : this.#senderOf(this.#egress),
      this.#serverPort,
      "tcp",
    );
    if (claim === undefined || claim === UNKNOWN) {
      const held = Math.max(this.#egress.stream.available, this.#ingress.stream.available);
      const isBlocked = this.#ingress.isBlocked(nowNs) || this.#egress.isBlocked(nowNs);
      if (claim === UNKNOWN || held >= RECOGNITION_BYTES || isBlocked) this.#giveUp();
      return;
    }
    this.#speak(claim.protocol, claim.firstSender === Sender.client ? SocketRole.client : SocketRole.server);
    const other = this.role === SocketRole.client ? SocketRole.server : SocketRole.client;
    this.#options.listener.recognized(claim.protocol, other, nowNs);
    this.#read(nowNs);
  }

  /** The other end of the connection, on this host too, knows what is spoken: it may have seen an answer first. */
  adopt(protocol: AnyProtocol, role: SocketRole, nowNs: number): void {
    const isOtherRole = this.role !== SocketRole.unknown && this.role !== role;
    if (this.protocol !== undefined || this.isOpaque || isOtherRole) return;
    this.#speak(protocol, role);
    this.#read(nowNs);
  }

  #speak(protocol: AnyProtocol, role: SocketRole): void {
    this.role = role;
    this.protocol = protocol;
    this.#state = protocol.createState();
  }

  /** The bytes so far are of no known protocol. A connection that was seen from its start is done with for good. */
  #giveUp(): void {
    const isWholeStart = [this.#ingress, this.#egress].every((side) => !side.stream.isStarted || side.isAtStart);
    if (isWholeStart && this.#ingress.stream.obstacle === undefined && this.#egress.stream.obstacle === undefined) {
      this.#tellUnknown();
      // Who counts the bytes must go on hearing of them.
      this.#becomeOpaque("unknown_protocol", this.#unknown === undefined);
      if (this.#unknown !== undefined) this.#options.verdict({ mode: "lengths" });
      return;
    }
    for (const side of [this.#ingress, this.#egress]) side.discardAll("before_first_message");
  }

  #becomeOpaque(reason: string, isDropped: boolean): void {
    this.isOpaque = true;
    this.#isDropped = isDropped;
    this.#opaqueReason = reason;
    if (isDropped) this.#steering.drop(lastOf(this.#ingress, this.#egress)?.timestampNs ?? 0);
    for (const side of [this.#ingress, this.#egress]) {
      this.#finishEnding(side, side.last);
      side.stream.end(reason);
    }
  }

  /**
   * Consumes what both sides hold, in the order in which it came: where one side had to wait, what the other one said
   * meanwhile is an answer to what was said before.
   */
  #read(nowNs: number): void {
    const ingress = this.#ingress;
    const egress = this.#egress;
    ingress.passLeftOut();
    egress.passLeftOut();
    ingress.isStuck = ingress.isEmpty;
    egress.isStuck = egress.isEmpty;
    while (!this.isOpaque && this.protocol !== undefined) {
      if (ingress.ending !== undefined) this.#finishEnding(ingress, ingress.stream.endMeta);
      if (egress.ending !== undefined) this.#finishEnding(egress, egress.stream.endMeta);
      if (ingress.isWaiting(nowNs) || egress.isWaiting(nowNs)) return;
      const ingressOrder = ingress.order;
      const egressOrder = egress.order;
      const side = ingressOrder <= egressOrder ? ingress : egress;
      if (ingressOrder === NEVER && egressOrder === NEVER) return;
      if (side.isStuck) {
        this.#passObstacle(side);
        side.isStuck = side.isEmpty;
      } else if (this.#takeUnfinished(side === ingress ? egress : ingress, side)) {
        this.#unstick(side);
      } else if (!this.#step(side)) {
        side.isStuck = true;
      } else {
        this.#unstick(side);
      }
    }
  }

  /** One side waits for more of its message, and the other one says something after it. */
  #takeUnfinished(side: Side, after: Side): boolean {
    if (!side.isStuck || side.isEmpty || this.protocol!.parseCut === undefined) return false;
    return side.stream.metaAt(side.stream.position)!.order < after.order && this.#takeCut(side);
  }

  /** The rest of the message may never come. */
  #takeCut(side: Side): boolean {
    const protocol = this.protocol;
    if (protocol?.parseCut === undefined || !side.isSynced || side.isEmpty || this.isOpaque) return false;
    const stream = side.stream;
    const sink = this.#sink;
    const sender = this.#senderOf(side);
    sink.reset();
    const count = protocol.parseCut(stream.view(), sender, this.#state, sink);
    if (count > 0) this.#take(side, protocol, sender, stream.position, count);
    return count > 0;
  }

  /** What one side reads can free the other: an upgrade, an answer that follows. */
  #unstick(side: Side): void {
    const other = side === this.#ingress ? this.#egress : this.#ingress;
    other.isStuck = other.isEmpty;
    side.isStuck = side.isEmpty;
  }

  /** Reads one message or frame. @returns whether anything happened */
  #step(side: Side): boolean {
    const stream = side.stream;
    // A boundary may lie behind what the other side said meanwhile: its turn is not yet.
    if (!side.isSynced) return this.#findBoundary(side, 0);
    if (stream.available === 0) return false;
    if (side.isBetween && !this.#findFrame(side)) return true;
    const sender = this.#senderOf(side);
    const protocol = this.protocol!;
    const position = stream.position;
    const sink = this.#sink;
    sink.reset();
    const count = protocol.parse(stream.view(), sender, this.#state, sink);
    if (count === NEED_MORE) return false;
    if (count > 0) this.#take(side, protocol, sender, position, count);
    else this.#invalid(side);
    return true;
  }

  /** Behind frames that were left out the kernel says where the next one starts. */
  #findFrame(side: Side): boolean {
    const count = side.stream.framesLeftOut;
    if (count < 0) {
      this.#loseSync(side, side.stream.endMeta);
      return false;
    }
    side.isBetween = false;
    if (count > 0) this.protocol!.leftOut?.(count, this.#senderOf(side), this.#state);
    return true;
  }

  #take(side: Side, protocol: AnyProtocol, sender: Sender, position: number, count: number): void {
    const sink = this.#sink;
    const stream = side.stream;
    const started = sink.whole ?? sink.begun;
    const ended = sink.whole ?? sink.ended;
    const upgrade = sink.upgradeTo;
    const startMeta = started === undefined ? undefined : stream.metaAt(position);
    stream.consume(count);
    side.passLeftOut();
    if (started !== undefined && startMeta !== undefined) {
      this.#invalidCount = 0;
      this.#options.listener.begin(protocol, started, sender, position, startMeta);
      (side === this.#ingress ? this.#egress : this.#ingress).dropBefore(startMeta.order);
    }
    if (ended !== undefined) {
      side.ending = ended;
      if (stream.endMeta !== undefined) this.#finishEnding(side, stream.endMeta);
    }
    if (upgrade !== undefined) this.#upgrade(upgrade);
  }

  #finishEnding(side: Side, meta: EventMeta | undefined): void {
    const { ending } = side;
    if (ending === undefined || meta === undefined) return;
    side.ending = undefined;
    side.ended++;
    this.#options.listener.end(ending, this.#senderOf(side), meta);
  }

  #upgrade(name: string): void {
    if (name === UPGRADE_TO_ANY) {
      this.#steering.reset();
      this.protocol = undefined;
      for (const side of [this.#ingress, this.#egress]) side.startOffset = side.stream.position;
      return;
    }
    const protocol = this.#options.protocols.find((candidate) => candidate.name === name);
    if (protocol === undefined) {
      this.#becomeOpaque("upgraded", true);
      return;
    }
    this.#steering.reset();
    this.#speak(protocol, this.role);
    this.#invalidCount = 0;
  }

  /** Behind the head is a hole, or something is missing: the stream goes on behind it. */
  #passObstacle(side: Side): void {
    const stream = side.stream;
    if (side.passesObstacle(this.protocol!, this.#senderOf(side), this.#state)) return;
    const isHole = stream.obstacle?.isMissing === false;
    if (isHole) this.#steering.wantAll(stream.obstacle.isLeftOut);
    const before = stream.available > 0 ? stream.metaAt(stream.position + stream.available - 1) : stream.endMeta;
    // It may know how long its message is, and reach behind the obstacle.
    if (this.#takeCut(side)) return;
    stream.skipObstacle();
    this.#loseSync(side, before, isHole);
  }

  #invalid(side: Side): void {
    if (++this.#invalidCount > MAX_INVALID) {
      this.#becomeOpaque("invalid", false);
      return;
    }
    const before = side.stream.metaAt(side.stream.position);
    this.#loseSync(side, before);
    this.#findBoundary(side, 1);
  }

  #loseSync(side: Side, before: EventMeta | undefined, isHole = false): void {
    side.isSynced = false;
    side.isBetween = false;
    this.protocol!.resync(this.#state, this.#senderOf(side));
    this.#options.listener.gap(this.#senderOf(side), before, isHole);
  }

  /** Looks for a message start at or after `from` in the view. What lies before it, or can't be one, is lost. */
  #findBoundary(side: Side, from: number): boolean {
    const stream = side.stream;
    const sender = this.#senderOf(side);
    const view = stream.view();
    if (view.length <= from) {
      if (view.length > 0) stream.discard(view.length, "resync");
      return false;
    }
    let index = boundaryIn(this.protocol!, this.#state, stream, from, sender);
    const isFirst = from === 0 && stream.position === side.firstOffset;
    if (index < 0 && isFirst && mayBegin(this.protocol!, view, sender, this.#serverPort)) index = 0;
    if (index >= 0) return side.syncAt(index);
    if (side.last !== undefined) this.#options.listener.unsynced(sender, side.last);
    side.searchOn(from);
    return false;
  }
}
