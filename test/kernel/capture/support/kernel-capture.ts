/** The capture programs, loaded and attached without broker and worker: tests read the events themselves. */
import { readFileSync } from "node:fs";
import { HookSet, kernelSymbols } from "../../../../src/bpf/feature.ts";
import {
  decodeEventHeader,
  decodeIoEvent,
  decodeProcessEvent,
  decodeSocketDataEvent,
  decodeSocketStateEvent,
  decodeTraceRequest,
  decodeUnitEdgeEvent,
  EventKind,
  encodeSocketVerdict,
  encodeTraceConf,
  encodeTraceKey,
  encodeTraceSettings,
  type IoEvent,
  LAYOUT,
  type ProcessEvent,
  type ProcessFilter,
  ScopeKind,
  type SocketDataEvent,
  type SocketStateEvent,
  type SocketVerdict,
  type TraceConf,
  type TraceRequest,
  type TraceSettings,
  type UnitEdgeEvent,
  UnitKind,
  type UnitStep,
  UnixSockets,
} from "../../../../src/bpf/layout.gen.ts";
import { readLossCounters } from "../../../../src/bpf/loss-reason.ts";
import { type BpfMap, keyU32, keyU64 } from "../../../../src/bpf/map.ts";
import { BpfObject } from "../../../../src/bpf/object.ts";
import { type MappedRing, mapRingBuffer } from "../../../../src/bpf/ring-buffer.ts";
import { forEachRecord } from "../../../../src/bpf/ring-records.ts";
import { NO_PLAN, type ProcessPlan, processControlBytes } from "../../../../src/broker/capture/control.ts";
import { IO_PROGRAMS, isAttachable, programsOf } from "../../../../src/broker/capture/hook-programs.ts";
import type { Framing } from "../../../../src/mapping/connection/framing.ts";
import { FramingTable } from "../../../../src/receiver/socket-trace/framing-table.ts";

const OBJECT = new URL("../../../../bpf/socket_trace.bpf.o", import.meta.url);
const VERDICT_GENERATIONS = 1024;
const NO_VERDICT: SocketVerdict = {
  skipUntilIngress: 0,
  skipUntilEgress: 0,
  dropIdleNs: 0,
  dropCalls: 0,
  action: 0,
  limit: 0,
  flags: 0,
  serial: 0,
  framing: 0,
};

export interface DataRecord extends SocketDataEvent {
  readonly bytes: Buffer;
}
export interface StateRecord extends SocketStateEvent {
  /** Of an AF_UNIX server. */
  readonly name: string;
}
export interface IoRecord extends IoEvent {
  /** From the reader's root. */
  readonly path: string;
}
export interface ProcessRecord extends ProcessEvent {
  readonly filename: string;
  readonly argv: readonly string[];
}

export interface CaptureSettings {
  readonly sends: HookSet;
  readonly receives: HookSet;
  readonly conf?: Partial<TraceConf>;
  readonly ringSizeBytes?: number;
  /** Reads and writes of files are told too. */
  readonly io?: TraceSettings;
  /** Attached too. */
  readonly also?: readonly string[];
  /** Loaded too, and not attached. */
  readonly alsoLoaded?: readonly string[];
  /** false: events are read and forgotten. */
  readonly keepsEvents?: boolean;
}

export class KernelCapture implements Disposable {
  readonly #object: BpfObject;
  readonly #ring: MappedRing;
  readonly #keepsEvents: boolean;
  readonly data: DataRecord[] = [];
  readonly states: StateRecord[] = [];
  readonly edges: UnitEdgeEvent[] = [];
  readonly processes: ProcessRecord[] = [];
  readonly io: IoRecord[] = [];

  constructor(settings: CaptureSettings) {
    using symbols = kernelSymbols();
    this.#keepsEvents = settings.keepsEvents ?? true;
    this.#object = BpfObject.open("socket_trace", readFileSync(OBJECT));
    const ringSizeBytes = settings.ringSizeBytes ?? 16 << 20;
    try {
      const { sends, receives, io } = settings;
      const wanted = [
        ...programsOf(sends, receives, symbols.hasFunction("bpf_rdonly_cast")),
        ...(io ? IO_PROGRAMS : []),
        ...(settings.also ?? []),
      ];
      const programs = this.#object.programs;
      const attached = [...new Set(wanted)].filter((name) => isAttachable(programs.get(name) ?? "", symbols));
      this.#object.selectPrograms(new Set([...attached, ...(settings.alsoLoaded ?? [])]));
      this.#object.setMaxEntries("socket_data", ringSizeBytes);
      this.#object.setConstant("trace_conf", confBytes(settings));
      this.#object.load();
      if (io !== undefined) {
        const value = new Uint8Array(LAYOUT.trace_settings.sizeBytes);
        encodeTraceSettings(new DataView(value.buffer), 0, io);
        this.#object.map("trace_conf_map").set(keyU32(0), value);
      }
      this.#ring = mapRingBuffer(this.#object.map("socket_data").descriptor.fd, ringSizeBytes);
      for (const program of attached) this.#object.attach(program);
    } catch (error) {
      this.#object[Symbol.dispose]();
      throw error;
    }
  }

  /** Reads what has come since the last call. */
  drain(): this {
    for (;;) {
      const pending = this.#ring.ring.peek(1 << 20);
      if (pending.length === 0) return this;
      if (!this.#keepsEvents) {
        this.#ring.ring.release(pending.length);
        continue;
      }
      const stretch = Buffer.from(pending);
      const view = new DataView(stretch.buffer, stretch.byteOffset, stretch.length);
      forEachRecord(view, stretch.length, (offset) => this.#take(view, offset, stretch));
      this.#ring.ring.release(stretch.length);
    }
  }

  ioOf(tgid: number): IoRecord[] {
    return this.drain().io.filter((event) => event.header.tgid === tgid);
  }

  dataOf(tgid: number, direction?: number): DataRecord[] {
    return this.drain().data.filter((e) => e.header.tgid === tgid && (direction ?? e.direction) === e.direction);
  }

  lost(reason: string): number {
    return readLossCounters(this.#object.map("loss_counters")).find((each) => each.reason === reason)?.count ?? -1;
  }

  setVerdict(socketCookie: number, verdict: Partial<SocketVerdict>): void {
    const value = new Uint8Array(LAYOUT.socket_verdict.sizeBytes);
    encodeSocketVerdict(new DataView(value.buffer), 0, { ...NO_VERDICT, ...verdict });
    this.#object.map("socket_verdicts").set(keyU64(BigInt(socketCookie)), value);
    const generations = this.#object.map("verdict_generations");
    const slot = keyU32(socketCookie % VERDICT_GENERATIONS);
    const generation = generations.get(slot)!;
    generations.set(slot, keyU32(new DataView(generation.buffer, generation.byteOffset).getUint32(0, true) + 1));
  }

  map(name: string): BpfMap {
    return this.#object.map(name);
  }

  /** @returns the indexes that verdicts name */
  setFramings(framings: readonly Framing[]): FramingTable {
    const table = new FramingTable(framings);
    const { keys, values } = table.encode();
    this.#object.map("framings").setBatch(keys, values);
    return table;
  }

  setProcess(tgid: number, filter: ProcessFilter, steps: readonly UnitStep[] = []): void {
    const unitKind = steps.length === 0 ? UnitKind.none : UnitKind.goroutine;
    const value = processControlBytes(filter, { ...NO_PLAN, unitKind, steps });
    this.#object.map("processes").set(keyU32(tgid), value);
  }

  setPlan(tgid: number, filter: ProcessFilter, plan: Partial<ProcessPlan>): void {
    this.#object.map("processes").set(keyU32(tgid), processControlBytes(filter, { ...NO_PLAN, ...plan }));
  }

  attach(program: string): void {
    this.#object.attach(program);
  }

  attachUprobe(program: string, tgid: number, path: string, offset: number): void {
    this.#object.attachUprobe(program, tgid, path, offset);
  }

  /** What trace_map says of a unit. @param kind UnitKind, or 0xff: the process */
  traceRequest(tgid: number, kind: number, id: number): TraceRequest | undefined {
    const key = new Uint8Array(LAYOUT.trace_key.sizeBytes);
    encodeTraceKey(new DataView(key.buffer), 0, { id, tgid, kind });
    const value = this.#object.map("trace_map").get(key);
    return value && decodeTraceRequest(new DataView(value.buffer, value.byteOffset), 0);
  }

  [Symbol.dispose](): void {
    this.#ring[Symbol.dispose]();
    this.#object[Symbol.dispose]();
  }

  #take(view: DataView, offset: number, stretch: Buffer): void {
    const header = decodeEventHeader(view, offset);
    if (header.kind === EventKind.socketData) {
      const event = decodeSocketDataEvent(view, offset);
      const start = offset + LAYOUT.socket_data_event.sizeBytes;
      this.data.push({ ...event, bytes: stretch.subarray(start, start + event.capturedLength) });
    } else if (header.kind === EventKind.socketState) {
      const event = decodeSocketStateEvent(view, offset);
      const start = offset + LAYOUT.socket_state_event.sizeBytes;
      this.states.push({ ...event, name: stretch.toString("latin1", start, start + event.nameLength) });
    } else if (header.kind === EventKind.unitEdge) {
      this.edges.push(decodeUnitEdgeEvent(view, offset));
    } else if (header.kind === EventKind.io) {
      const event = decodeIoEvent(view, offset);
      const start = offset + LAYOUT.io_event.sizeBytes;
      const names = stretch
        .toString("utf8", start, start + event.pathLength)
        .split("\0")
        .slice(0, -1);
      this.io.push({
        ...event,
        path: names
          .map((name) => `/${name}`)
          .reverse()
          .join(""),
      });
    } else {
      if (header.kind !== EventKind.process) throw new Error(`an event of kind ${header.kind} is not expected`);
      const event = decodeProcessEvent(view, offset);
      const start = offset + LAYOUT.process_event.sizeBytes;
      const argvAt = start + event.filenameLength;
      const argv = stretch
        .toString("utf8", argvAt, argvAt + event.argumentsLength)
        .split("\0")
        .slice(0, -1);
      this.processes.push({ ...event, filename: stretch.toString("utf8", start, argvAt), argv });
    }
  }
}

function confBytes(settings: CaptureSettings): Uint8Array {
  const bytes = new Uint8Array(LAYOUT.trace_conf.sizeBytes);
  encodeTraceConf(new DataView(bytes.buffer), 0, {
    scope: ScopeKind.host,
    pidNamespaceDevice: 0,
    pidNamespaceInode: 0,
    cgroupId: 0,
    cgroupLevel: 0,
    bytesPerSecond: 0,
    burstBytes: 4 << 20,
    defaultLimit: 4096,
    udpSendByLength: settings.sends === HookSet.b ? 0 : 1,
    recvmsgArguments: 5,
    pageMoves: settings.sends === HookSet.c ? 1 : 0,
    socketStorage: settings.sends === HookSet.c || settings.receives === HookSet.c ? 0 : 1,
    traceRequests: settings.io === undefined ? 0 : 1,
    unixSalt: 0,
    unixSockets: UnixSockets.off,
    ...settings.conf,
  });
  return bytes;
}
