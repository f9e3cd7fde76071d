/**
 * Packets to events: finds the flow of each packet, keeps TCP in order, tells when connections open and close.
 * Bounded: MAXIMUM_FLOWS flows, MAXIMUM_WAITING_BYTES of segments over all of them, idle flows are dropped.
 */

import { SocketRole } from "../../../bpf/layout.gen.ts";
import type { StageAccount } from "../../../mapping/account.ts";
import { uint32 } from "../../../mapping/protocols/byte-reader.ts";
import { type CapturedSocket, dataEvent, type EventSink, stateEvent, TcpState } from "./capture-events.ts";
import { DatagramDuplicates } from "./datagram-duplicates.ts";
import { type TransportPayload, TransportProtocol } from "./network-layer.ts";
import { TcpConnection, type TcpOutput } from "./tcp-connection.ts";
import type { Segment } from "./tcp-direction.ts";

const MAXIMUM_FLOWS = 200_000;
const MAXIMUM_WAITING_BYTES = 64 * 1024 * 1024;
const SWEEP_NS = 50e6;
const UDP_IDLE_NS = 60e9;
const TCP_IDLE_NS = 2 * 3600e9;
/** A closed connection is kept for its late retransmissions. */
const CLOSED_NS = 1e9;

const NOTHING = new Uint8Array(0);

const TcpFlag = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;

interface Flow {
  readonly socket: CapturedSocket;
  /** The address bytes and port of the local end come first in the key's order. */
  readonly isLocalFirst: boolean;
  readonly tcp: TcpConnection | undefined;
  /** Of datagrams, by direction. */
  readonly duplicates: [DatagramDuplicates | undefined, DatagramDuplicates | undefined];
  lastNs: number;
  closedNs: number | undefined;
}

export class FlowTable {
  readonly #sink: EventSink;
  readonly #account: StageAccount;
  readonly #tgid: () => number;
  readonly #flows = new Map<string, Flow>();
  readonly #waiting = new Set<Flow>();
  #nextCookie = 1;
  #nextSweepNs = 0;
  #nextIdleSweepNs = 0;

  /** @param account in payload bytes @param tgid which process stands for the capture */
  constructor(sink: EventSink, account: StageAccount, tgid: () => number) {
    this.#sink = sink;
    this.#account = account;
    this.#tgid = tgid;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** @returns false: cut so short that its header is not there */
  packet(payload: TransportPayload, nowNs: number): boolean {
    if (nowNs >= this.#nextSweepNs) this.#sweep(nowNs);
    return payload.protocol === TransportProtocol.tcp ? this.#tcp(payload, nowNs) : this.#udp(payload, nowNs);
  }

  /** The end of the capture: nothing more comes. */
  flush(nowNs: number): void {
    for (const flow of this.#waiting) flow.tcp?.advance(nowNs, true);
    this.#waiting.clear();
    this.#flows.clear();
  }

  #udp(payload: TransportPayload, nowNs: number): boolean {
    const bytes = payload.bytes;
    if (bytes.length < 8) return false;
    const length = Math.max(0, payload.wireLength - 8);
    const [key, isFirst] = flowKey(payload);
    let flow = this.#flows.get(key);
    if (flow !== undefined && nowNs - flow.lastNs > UDP_IDLE_NS) {
      this.#remove(key, flow);
      flow = undefined;
    }
    flow ??= this.#create(key, payload, isFirst, SocketRole.unknown, nowNs);
    flow.lastNs = nowNs;
    const captured = bytes.subarray(8, Math.min(bytes.length, 8 + length));
    this.#account.addIn(length);
    const isEgress = flow.isLocalFirst === isFirst;
    const index = isEgress ? 0 : 1;
    flow.duplicates[index] ??= new DatagramDuplicates();
    if (flow.duplicates[index].isDuplicate(captured, length, nowNs)) {
      this.#account.addConsumed("duplicate", length);
      return true;
    }
    this.#account.addOut(length);
    const event = dataEvent(flow.socket, this.#tgid(), isEgress, 0, length, captured.length, nowNs);
    this.#sink.socketData(event, captured);
    return true;
  }

  #tcp(payload: TransportPayload, nowNs: number): boolean {
    const bytes = payload.bytes;
    if (bytes.length < 20) return false;
    const headerLength = (bytes[12]! >> 4) * 4;
    if (headerLength < 20) return false;
    const flags = bytes[13]!;
    const isSyn = (flags & TcpFlag.syn) !== 0;
    const isAck = (flags & TcpFlag.ack) !== 0;
    const sequence = uint32(bytes, 4);
    const acknowledgement = isAck ? uint32(bytes, 8) : undefined;
    const wireLength = Math.max(0, payload.wireLength - headerLength);
    const data = bytes.subarray(
      Math.min(headerLength, bytes.length),
      Math.min(bytes.length, headerLength + wireLength),
    );
    this.#account.addIn(wireLength);
    const [key, isFirst] = flowKey(payload);
    let flow = this.#flows.get(key);
    // RFC 9293 3.5: both ends may open at once. Which of them asks, their bytes say.
    if (flow !== undefined && isSyn && !isAck && flow.isLocalFirst !== isFirst && isOpening(flow)) {
      flow.socket.role = SocketRole.unknown;
    } else if (flow !== undefined && isSyn && !isAck && this.#isNewConnection(flow, isFirst, sequence)) {
      this.#close(flow, nowNs);
      this.#remove(key, flow);
      flow = undefined;
    }
    if (flow === undefined) {
      if ((flags & TcpFlag.rst) !== 0) {
        this.#account.addConsumed("reset_of_unknown", wireLength);
        return true;
      }
      // The receiver of a SYN-ACK is the client.
      const isLocalFirst = isSyn && isAck ? !isFirst : isFirst;
      flow = this.#create(key, payload, isLocalFirst, isSyn ? SocketRole.client : SocketRole.unknown, nowNs);
      if (isSyn) this.#sink.socketState(stateEvent(flow.socket, this.#tgid(), TcpState.close, TcpState.synSent, nowNs));
    }
    flow.lastNs = nowNs;
    const from = flow.isLocalFirst === isFirst ? 0 : 1;
    const tcp = flow.tcp!;
    if ((flags & TcpFlag.rst) !== 0) {
      this.#account.addConsumed("reset", wireLength);
      this.#close(flow, nowNs);
      return true;
    }
    if (isSyn) this.#handshake(flow, from, sequence, acknowledgement, nowNs);
    const firstByte = isSyn ? (sequence + 1) >>> 0 : sequence;
    const isFin = (flags & TcpFlag.fin) !== 0;
    tcp.segment(from, firstByte, acknowledgement, data, wireLength, isFin, nowNs);
    if (tcp.isWaiting) this.#waiting.add(flow);
    else this.#waiting.delete(flow);
    if (tcp.isFinished) this.#close(flow, nowNs);
    return true;
  }

  #isNewConnection(flow: Flow, isFirst: boolean, sequence: number): boolean {
    if (flow.isLocalFirst !== isFirst) return true;
    const own = flow.tcp!.directions[0];
    return !own.isStarted || own.firstSequence !== (sequence + 1) >>> 0;
  }

  #handshake(flow: Flow, from: 0 | 1, sequence: number, acknowledgement: number | undefined, nowNs: number): void {
    const own = flow.tcp!.directions[from];
    const other = flow.tcp!.directions[1 - from]!;
    if (!own.isStarted) own.start((sequence + 1) >>> 0, 0);
    if (from !== 1 || acknowledgement === undefined) return;
    if (!other.isStarted) other.start(acknowledgement, 0);
    const { socket } = flow;
    if (socket.remoteFirstSequence !== 0) return;
    socket.localFirstSequence = other.firstSequence;
    socket.remoteFirstSequence = own.firstSequence;
    this.#sink.socketState(stateEvent(socket, this.#tgid(), TcpState.synSent, TcpState.established, nowNs));
  }

  #create(key: string, payload: TransportPayload, isLocalFirst: boolean, role: number, nowNs: number): Flow {
    if (this.#flows.size >= MAXIMUM_FLOWS) {
      const [oldestKey, oldest] = this.#flows.entries().next().value!;
      this.#close(oldest, nowNs);
      this.#remove(oldestKey, oldest);
    }
    const [, isSourceFirst] = flowKey(payload);
    const isSourceLocal = isSourceFirst === isLocalFirst;
    const sourcePort = (payload.bytes[0]! << 8) | payload.bytes[1]!;
    const destinationPort = (payload.bytes[2]! << 8) | payload.bytes[3]!;
    const socket: CapturedSocket = {
      cookie: this.#nextCookie++,
      tuple: {
        localAddress: (isSourceLocal ? payload.source : payload.destination).slice(),
        remoteAddress: (isSourceLocal ? payload.destination : payload.source).slice(),
        localPort: isSourceLocal ? sourcePort : destinationPort,
        remotePort: isSourceLocal ? destinationPort : sourcePort,
        networkNamespace: 0,
      },
      isIpv4: payload.isIpv4,
      protocol: payload.protocol,
      role,
      localFirstSequence: 0,
      remoteFirstSequence: 0,
      eventNumber: 0,
    };
    let tcp: TcpConnection | undefined;
    if (payload.protocol === TransportProtocol.tcp) tcp = new TcpConnection(this.#output(socket));
    const duplicates: Flow["duplicates"] = [undefined, undefined];
    const flow: Flow = { socket, isLocalFirst, tcp, duplicates, lastNs: nowNs, closedNs: undefined };
    this.#flows.set(key, flow);
    return flow;
  }

  #output(socket: CapturedSocket): TcpOutput {
    return {
      data: (direction: 0 | 1, segment: Segment, timestampNs: number) => {
        this.#account.addOut(segment.wireLength);
        const { offset, wireLength, bytes } = segment;
        const event = dataEvent(socket, this.#tgid(), direction === 0, offset, wireLength, bytes.length, timestampNs);
        this.#sink.socketData(event, bytes);
      },
      // The engine counts them as lost; here they never came in. Told where they are missing: what the other end says next comes after them.
      hole: (direction, offset, bytes, timestampNs) => {
        const event = dataEvent(socket, this.#tgid(), direction === 0, offset, bytes, 0, timestampNs);
        this.#sink.socketData(event, NOTHING);
      },
      repeated: (bytes: number) => this.#account.addConsumed("retransmission", bytes),
    };
  }

  #close(flow: Flow, nowNs: number): void {
    if (flow.tcp === undefined || flow.closedNs !== undefined) return;
    flow.tcp.advance(nowNs, true);
    this.#waiting.delete(flow);
    flow.closedNs = nowNs;
    this.#sink.socketState(stateEvent(flow.socket, this.#tgid(), TcpState.established, TcpState.close, nowNs));
  }

  #remove(key: string, flow: Flow): void {
    this.#flows.delete(key);
    this.#waiting.delete(flow);
  }

  #sweep(nowNs: number): void {
    this.#nextSweepNs = nowNs + SWEEP_NS;
    let bytes = 0;
    for (const flow of this.#waiting) {
      flow.tcp!.advance(nowNs);
      bytes += flow.tcp!.waitingBytes;
      if (!flow.tcp!.isWaiting) this.#waiting.delete(flow);
    }
    for (const flow of this.#waiting) {
      if (bytes <= MAXIMUM_WAITING_BYTES) break;
      bytes -= flow.tcp!.waitingBytes;
      flow.tcp!.advance(nowNs, true);
      this.#waiting.delete(flow);
    }
    if (nowNs < this.#nextIdleSweepNs) return;
    this.#nextIdleSweepNs = nowNs + 1e9;
    for (const [key, flow] of this.#flows) {
      const isGone =
        flow.closedNs !== undefined
          ? nowNs - flow.closedNs > CLOSED_NS
          : nowNs - flow.lastNs > (flow.tcp === undefined ? UDP_IDLE_NS : TCP_IDLE_NS);
      if (!isGone) continue;
      this.#close(flow, nowNs);
      this.#remove(key, flow);
    }
  }
}

/** One end has sent its SYN, and nothing else was seen. */
function isOpening(flow: Flow): boolean {
  const [own, other] = flow.tcp!.directions;
  return flow.socket.role === SocketRole.client && own.isStarted && own.next === 0 && !other.isStarted;
}

/** The same for both directions; and whether the packet's source is the end that comes first in it. */
function flowKey(payload: TransportPayload): [key: string, isSourceFirst: boolean] {
  const { bytes, isIpv4, protocol } = payload;
  const source = endKey(payload.source, isIpv4, bytes[0]!, bytes[1]!);
  const destination = endKey(payload.destination, isIpv4, bytes[2]!, bytes[3]!);
  const isSourceFirst = source < destination;
  let transport = protocol === TransportProtocol.tcp ? "t" : "u";
  if (payload.networkId !== 0) transport += String.fromCharCode(payload.networkId & 0xffff, payload.networkId >>> 16);
  return [isSourceFirst ? transport + source + destination : transport + destination + source, isSourceFirst];
}

function endKey(address: Uint8Array, isIpv4: boolean, portHigh: number, portLow: number): string {
  let text = String.fromCharCode((portHigh << 8) | portLow);
  for (let i = isIpv4 ? 12 : 0; i < 16; i += 2) text += String.fromCharCode((address[i]! << 8) | address[i + 1]!);
  return text;
}
