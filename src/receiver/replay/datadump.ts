/**
 * The text that a DeepFlow agent's eBPF data dump prints: two lines for each event, its facts and its bytes in
 * hex. Times in it have no zone: they are taken as UTC. Stream positions are TCP sequence numbers, made relative
 * to the first one of their socket and direction.
 */

import { DataSource, Direction, SocketRole } from "../../bpf/layout.gen.ts";
import { makeRoom } from "../../make-room.ts";
import type { Resource } from "../../mapping/span.ts";
import type { CaptureDecoder } from "./capture.ts";
import { CaptureDamagedError, CaptureTruncatedError } from "./error.ts";
import { parseAddress } from "./ip-address.ts";
import { LineSplitter } from "./line-splitter.ts";
import { type CapturedSocket, dataEvent } from "./packets/capture-events.ts";
import { TransportProtocol } from "./packets/network-layer.ts";
import { MID_STREAM_OFFSET } from "./packets/tcp-connection.ts";
import type { EventDecoderOptions } from "./recording/recording-decoder.ts";
import type { ReplayTarget } from "./replay.ts";

const HEAD =
  /\[datadump\] SEQ \d+ <[^>]*> DIR (in|out) TYPE .*?PID (\d+) THREAD_ID (\d+) COROUTINE_ID (\d+) .*?ROLE (\w+) CONTAINER_ID (\S+) SOURCE (\d+) COMM (.*?) (TCP|UDP) (\S+)\.(\d+) > (\S+)\.(\d+) LEN (\d+) SYSCALL_LEN (\d+) SOCKET_ID (\d+) TRACE_ID (\d+) TCP_SEQ (\d+) DATA_SEQ (\d+) TLS (\w+) SyscallTime (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?)/;

const ADVANCE_NS = 50e6;
const MAXIMUM_SOCKETS = 100_000;

interface DumpedSocket {
  readonly socket: CapturedSocket;
  /** Egress, ingress: sequence number of offset MID_STREAM_OFFSET, and where the next event without one begins. */
  readonly base: [number | undefined, number | undefined];
  readonly next: [number, number];
}

export function isDatadump(text: string): boolean {
  return /^[^\n]{0,64}\[datadump\] SEQ /.test(text);
}

export class DatadumpDecoder implements CaptureDecoder {
  readonly #options: EventDecoderOptions;
  readonly #lines: LineSplitter;
  readonly #sockets = new Map<string, DumpedSocket>();
  readonly #resources = new Map<number, Resource>();
  #target: ReplayTarget | undefined;
  #baseSeconds = 0;
  #lastNs = 0;
  #nextAdvanceNs = 0;
  #head: RegExpExecArray | undefined;
  #stopped = false;

  constructor(options: EventDecoderOptions) {
    this.#options = options;
    this.#lines = new LineSplitter((line, offset) => this.#line(line, offset));
  }

  push(chunk: Uint8Array): void {
    if (!this.#stopped && !this.#lines.push(chunk)) this.#stop(0, "a line is too long");
  }

  end(): void {
    const last = this.#lines.end();
    if (last !== undefined && !this.#stopped) this.#line(last.rest, last.offset);
    if (this.#head !== undefined) {
      this.#options.problem(new CaptureTruncatedError(0, "the last event has no bytes"));
    }
    this.#target?.flush();
    this.#target = undefined;
  }

  #stop(offset: number, message: string): void {
    this.#stopped = true;
    this.#options.problem(new CaptureDamagedError(offset, message));
  }

  #line(line: string, offset: number): void {
    if (this.#stopped || line.trim() === "") return;
    if (this.#head === undefined) {
      const head = HEAD.exec(line);
      if (head === null) this.#stop(offset, "a line is no event of a data dump");
      else this.#head = head;
      return;
    }
    const head = this.#head;
    this.#head = undefined;
    const bytes = parseHex(line);
    if (bytes === undefined) this.#stop(offset, "a line is not the bytes of an event");
    else this.#event(head, bytes);
  }

  #event(head: RegExpExecArray, bytes: Uint8Array): void {
    const nowNs = this.#time(head[21]!);
    const tgid = Number(head[2]);
    if (!this.#resources.has(tgid)) {
      const container = head[6]!;
      const attributes: [string, string | number][] = [
        ["service.name", head[8]!],
        ["process.pid", tgid],
      ];
      if (container !== "null") attributes.push(["container.id", container]);
      this.#resources.set(tgid, { attributes });
    }
    const isEgress = head[1] === "out";
    const isTls = head[20] === "true";
    const dumped = this.#socket(head);
    const callLength = Math.max(Number(head[15]), bytes.length);
    const offset = this.#streamOffset(dumped, isEgress ? 0 : 1, isTls ? undefined : Number(head[18]), callLength);
    const target = this.#target!;
    if (nowNs >= this.#nextAdvanceNs) {
      this.#nextAdvanceNs = nowNs + ADVANCE_NS;
      target.advance(nowNs);
    }
    const event = dataEvent(dumped.socket, tgid, isEgress, offset, callLength, bytes.length, nowNs);
    const comm = new Uint8Array(16);
    comm.set(Buffer.from(head[8]!).subarray(0, 15));
    target.socketData(
      {
        ...event,
        header: { ...event.header, pid: Number(head[3]) },
        coroutineId: Number(head[4]),
        direction: isEgress ? Direction.egress : Direction.ingress,
        source: isTls ? DataSource.tlsLibrary : DataSource.syscall,
        comm,
      },
      bytes,
    );
  }

  #streamOffset(dumped: DumpedSocket, direction: 0 | 1, sequence: number | undefined, length: number): number {
    if (dumped.socket.protocol === TransportProtocol.udp) return 0;
    let offset = dumped.next[direction];
    if (sequence !== undefined) {
      dumped.base[direction] ??= sequence;
      offset = MID_STREAM_OFFSET + ((sequence - dumped.base[direction]) >>> 0);
    }
    dumped.next[direction] = offset + length;
    return offset;
  }

  #time(text: string): number {
    const seconds = Date.parse(`${text.slice(0, 10)}T${text.slice(11, 19)}Z`) / 1000;
    if (this.#target === undefined) {
      this.#baseSeconds = seconds - 10;
      this.#target = this.#options.openTarget({
        clockOffsetNs: () => BigInt(this.#baseSeconds) * 1_000_000_000n,
        resourceOf: (tgid) => this.#resources.get(tgid),
        isCapture: false,
      });
    }
    const fraction = text.length > 20 ? Number(`0${text.slice(19)}`) : 0;
    const timestampNs = (seconds - this.#baseSeconds) * 1e9 + Math.round(fraction * 1e9);
    this.#lastNs = Math.max(this.#lastNs, timestampNs);
    return this.#lastNs;
  }

  #socket(head: RegExpExecArray): DumpedSocket {
    const key = head[16]!;
    const known = this.#sockets.get(key);
    if (known !== undefined) return known;
    makeRoom(this.#sockets, MAXIMUM_SOCKETS);
    const role = head[5] === "client" ? SocketRole.client : head[5] === "server" ? SocketRole.server : 0;
    const socket: CapturedSocket = {
      cookie: this.#sockets.size + 1,
      tuple: {
        localAddress: parseAddress(head[10]!),
        remoteAddress: parseAddress(head[12]!),
        localPort: Number(head[11]),
        remotePort: Number(head[13]),
        networkNamespace: 0,
      },
      isIpv4: !head[12]!.includes(":"),
      protocol: head[9] === "UDP" ? TransportProtocol.udp : TransportProtocol.tcp,
      role,
      localFirstSequence: 0,
      remoteFirstSequence: 0,
      eventNumber: 0,
    };
    const dumped: DumpedSocket = {
      socket,
      base: [undefined, undefined],
      next: [MID_STREAM_OFFSET, MID_STREAM_OFFSET],
    };
    this.#sockets.set(key, dumped);
    return dumped;
  }
}

/** `2F(/) B0 01`: hex bytes, printable ones with their character behind. */
function parseHex(line: string): Uint8Array | undefined {
  const bytes: number[] = [];
  let at = 0;
  while (at < line.length) {
    if (line[at] === " ") {
      at++;
      continue;
    }
    const value = Number.parseInt(line.slice(at, at + 2), 16);
    if (Number.isNaN(value) || !/^[0-9a-fA-F]{2}/.test(line.slice(at, at + 2))) return undefined;
    bytes.push(value);
    at += 2;
    // The character itself may be `)` or a space.
    if (line[at] === "(") at += 3;
  }
  return Uint8Array.from(bytes);
}
