/** Records to the engine: decode, leave out what is ours or not wanted, learn of processes. Runs on the worker's main thread. */
import {
  decodeHandoverEvent,
  decodeIoEvent,
  decodeProcessEvent,
  decodeSocketStateEvent,
  decodeStreamCallEvent,
  decodeUnitEdgeEvent,
  decodeWakeEvent,
  EventKind,
  type HandoverEvent,
  type IoEvent,
  LAYOUT,
  ProcessAction,
  type ProcessEvent,
  type SocketDataEvent,
  SocketDataEventReader,
  type SocketStateEvent,
  type StreamCallEvent,
  type UnitEdgeEvent,
  type WakeEvent,
} from "../../bpf/layout.gen.ts";
import { forEachRecord } from "../../bpf/ring-records.ts";
import type { ConnectionSelection } from "../../ipc/socket-trace-config.ts";
import type { StageAccount } from "../../mapping/account.ts";
import { TcpState } from "../../mapping/engine-options.ts";
import { commText } from "../comm-text.ts";
import type { ProcessTable } from "../process-table.ts";
import type { RuntimeTable } from "../runtimes/runtime-table.ts";
import { execFacts } from "./exec-facts.ts";
import type { OwnExchanges } from "./own-exchanges.ts";

/** TraceEngine, as far as events go into it. An event and its bytes are valid during the call only. */
export interface EventTarget {
  socketData(event: SocketDataEvent, bytes: Uint8Array): void;
  /** @param name of the server, where an AF_UNIX socket is told for the first time; else empty */
  socketState(event: SocketStateEvent, name: Uint8Array): void;
  io(event: IoEvent, names: Uint8Array): void;
  process(event: ProcessEvent): void;
  wake(event: WakeEvent): void;
  unitEdge(event: UnitEdgeEvent): void;
  handover(event: HandoverEvent): void;
  streamCall(event: StreamCallEvent): void;
}

interface EventDispatcherOptions {
  readonly target: EventTarget;
  readonly processes: ProcessTable;
  readonly runtimes: Pick<RuntimeTable, "seen" | "threadSeen" | "foreseen" | "started" | "exited" | "listens">;
  readonly ownExchanges: OwnExchanges;
  readonly ownTgids: readonly number[];
  readonly includePorts: ConnectionSelection["ports"];
  readonly excludePorts: ConnectionSelection["ports"];
  /** Stage `dispatch`, unit event. */
  readonly account: StageAccount;
}

export class EventDispatcher {
  readonly #options: EventDispatcherOptions;
  readonly #ownTgids: ReadonlySet<number>;
  readonly #includePorts: ReadonlySet<number>;
  readonly #excludePorts: ReadonlySet<number>;
  readonly #event = new SocketDataEventReader();
  #lastTgid = 0;
  #lastPid = 0;

  constructor(options: EventDispatcherOptions) {
    this.#options = options;
    this.#ownTgids = new Set(options.ownTgids);
    this.#includePorts = new Set(options.includePorts);
    this.#excludePorts = new Set(options.excludePorts);
  }

  /** @returns the number of records */
  batch(records: DataView, lengthBytes: number): number {
    return forEachRecord(records, lengthBytes, (offset, length) => this.#record(records, offset, length));
  }

  /** Programs that begin, of records that come in order later: their processes are asked about and looked at now. */
  news(records: DataView, lengthBytes: number): void {
    const { processes, runtimes } = this.#options;
    forEachRecord(records, lengthBytes, (offset) => {
      const event = decodeProcessEvent(records, offset);
      const { tgid, timestampNs } = event.header;
      const isFork = event.action === ProcessAction.fork;
      if (this.#ownTgids.has(isFork ? event.parentTgid : tgid)) return;
      processes.foreseen(tgid, timestampNs, !isFork);
      if (isFork) runtimes.foreseen({ tgid, timestampNs, parentTgid: event.parentTgid });
      else {
        const exec = execFacts(event, records, offset + LAYOUT.process_event.sizeBytes);
        runtimes.foreseen({ tgid, timestampNs, executable: exec?.filename });
      }
    });
  }

  #record(view: DataView, offset: number, lengthBytes: number): void {
    const { account } = this.#options;
    account.addIn();
    const kind = lengthBytes >= 4 ? view.getUint32(offset, true) : 0;
    if (kind === EventKind.socketData && lengthBytes >= LAYOUT.socket_data_event.sizeBytes) {
      this.#socketData(this.#event.read(view, offset), view, offset + LAYOUT.socket_data_event.sizeBytes);
    } else if (kind === EventKind.socketState && lengthBytes >= LAYOUT.socket_state_event.sizeBytes) {
      this.#socketState(decodeSocketStateEvent(view, offset), view, offset + LAYOUT.socket_state_event.sizeBytes);
    } else if (kind === EventKind.process && lengthBytes >= LAYOUT.process_event.sizeBytes) {
      this.#process(decodeProcessEvent(view, offset), view, offset + LAYOUT.process_event.sizeBytes);
    } else if (kind === EventKind.io && lengthBytes >= LAYOUT.io_event.sizeBytes) {
      this.#io(decodeIoEvent(view, offset), view, offset + LAYOUT.io_event.sizeBytes);
    } else if (kind === EventKind.wake && lengthBytes >= LAYOUT.wake_event.sizeBytes) {
      this.#options.target.wake(decodeWakeEvent(view, offset));
      account.addOut();
    } else if (kind === EventKind.unitEdge && lengthBytes >= LAYOUT.unit_edge_event.sizeBytes) {
      this.#options.target.unitEdge(decodeUnitEdgeEvent(view, offset));
      account.addOut();
    } else if (kind === EventKind.handover && lengthBytes >= LAYOUT.handover_event.sizeBytes) {
      this.#options.target.handover(decodeHandoverEvent(view, offset));
      account.addOut();
    } else if (kind === EventKind.streamCall && lengthBytes >= LAYOUT.stream_call_event.sizeBytes) {
      this.#options.target.streamCall(decodeStreamCallEvent(view, offset));
      account.addOut();
    } else account.addLost("unknown_record");
  }

  #socketData(event: SocketDataEvent, view: DataView, bytesOffset: number): void {
    const { account, target, runtimes, ownExchanges } = this.#options;
    const { tgid, pid } = event.header;
    const why = this.#ownTgids.has(tgid)
      ? "own_process"
      : ownExchanges.isOtherEnd(event)
        ? "own_export"
        : this.#isPortWanted(event)
          ? undefined
          : "filtered";
    if (why !== undefined) {
      account.addConsumed(why);
      return;
    }
    if (tgid !== this.#lastTgid) this.#processSeen(event);
    if (pid !== this.#lastPid) {
      runtimes.threadSeen(tgid, pid);
      this.#lastPid = pid;
    }
    target.socketData(event, new Uint8Array(view.buffer, view.byteOffset + bytesOffset, event.capturedLength));
    account.addOut();
  }

  #processSeen({ header, comm }: SocketDataEvent): void {
    const { tgid } = header;
    this.#options.processes.seen(tgid, () => commText(comm));
    this.#options.runtimes.seen(tgid);
    this.#lastTgid = tgid;
  }

  #socketState(event: SocketStateEvent, view: DataView, nameOffset: number): void {
    const { account, target, ownExchanges } = this.#options;
    if (event.newState === TcpState.listen) {
      this.#options.runtimes.listens(event.header.tgid);
      account.addOut();
      return;
    }
    ownExchanges.observe(event);
    target.socketState(event, new Uint8Array(view.buffer, view.byteOffset + nameOffset, event.nameLength));
    account.addOut();
  }

  #io(event: IoEvent, view: DataView, namesOffset: number): void {
    const { account, target, processes } = this.#options;
    const { tgid } = event.header;
    if (this.#ownTgids.has(tgid)) {
      account.addConsumed("own_process");
      return;
    }
    processes.seen(tgid, () => commText(event.comm));
    target.io(event, new Uint8Array(view.buffer, view.byteOffset + namesOffset, event.pathLength));
    account.addOut();
  }

  #process(event: ProcessEvent, view: DataView, textOffset: number): void {
    const { account, target, processes, runtimes } = this.#options;
    const { tgid, timestampNs } = event.header;
    this.#lastTgid = 0;
    if (event.action === ProcessAction.fork) {
      processes.forked(tgid, event.parentTgid, event.startTimeNs, commText(event.comm), timestampNs);
      if (!this.#ownTgids.has(event.parentTgid)) runtimes.started({ tgid, timestampNs, parentTgid: event.parentTgid });
    } else if (event.action === ProcessAction.exec) {
      const exec = execFacts(event, view, textOffset);
      processes.executed(tgid, event.startTimeNs, commText(event.comm), exec, timestampNs);
      if (!this.#ownTgids.has(tgid)) runtimes.started({ tgid, timestampNs, executable: exec?.filename });
    } else {
      processes.exited(tgid, timestampNs);
      runtimes.exited(tgid);
    }
    target.process(event);
    account.addOut();
  }

  #isPortWanted({ tuple }: SocketDataEvent): boolean {
    if (this.#excludePorts.has(tuple.localPort) || this.#excludePorts.has(tuple.remotePort)) return false;
    if (this.#includePorts.size === 0) return true;
    return this.#includePorts.has(tuple.localPort) || this.#includePorts.has(tuple.remotePort);
  }
}
