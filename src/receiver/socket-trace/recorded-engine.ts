/** An engine whose events are written down on their way in: `record_to`, and the `record` command. */
import { createWriteStream, openSync } from "node:fs";
import {
  type EventHeader,
  type HandoverEvent,
  type IoEvent,
  ProcessAction,
  type ProcessEvent,
  type SocketDataEvent,
  type SocketStateEvent,
  type StreamCallEvent,
  type UnitEdgeEvent,
  type WakeEvent,
} from "../../bpf/layout.gen.ts";
import type { StageAccount } from "../../mapping/account.ts";
import type { Resource } from "../../mapping/span.ts";
import { RecordingWriter } from "../replay/recording/recording-writer.ts";
import { RecordingFileError } from "./error.ts";
import type { ReceiverEngine } from "./receiver.ts";

interface RecordedEngineOptions {
  readonly path: string;
  /** A recording may hold several, one after the other; each begins with its header. */
  readonly keepsContent: boolean;
  readonly hostName: string;
  readonly clockOffsetNs: bigint;
  readonly resourceOf: (tgid: number) => Resource | undefined;
  /** Processes of the self-test: what they do goes to the engine alone. */
  readonly leavesOut: readonly number[];
  /** Once: the recording goes no further. */
  readonly onFailure: (error: RecordingFileError) => void;
}

export class RecordedEngine implements ReceiverEngine {
  readonly #engine: ReceiverEngine;
  readonly #writer: RecordingWriter;
  readonly #resourceOf: (tgid: number) => Resource | undefined;
  /** Processes with events whose resource is not written. */
  readonly #unnamed = new Set<number>();
  readonly #leavesOut: Set<number>;

  /** Opens the file at once, while the process may still do so. @throws RecordingFileError */
  constructor(engine: ReceiverEngine, options: RecordedEngineOptions) {
    this.#engine = engine;
    this.#resourceOf = options.resourceOf;
    this.#leavesOut = new Set(options.leavesOut);
    const { path, clockOffsetNs, hostName } = options;
    const file = createWriteStream(path, { fd: openRecording(path, options.keepsContent) });
    const onFailure = (cause: Error) => options.onFailure(new RecordingFileError(path, { cause }));
    const isGzip = path.endsWith(".gz");
    this.#writer = new RecordingWriter(file, { clockOffsetNs, hostName }, { isGzip, onFailure });
  }

  get accounts(): readonly StageAccount[] {
    return [this.#writer.account, ...this.#engine.accounts];
  }

  socketData(event: SocketDataEvent, bytes: Uint8Array): void {
    if (this.#isWritten(event)) {
      this.#unnamed.add(event.header.tgid);
      this.#writer.socketData(event, bytes);
    }
    this.#engine.socketData(event, bytes);
  }

  socketState(event: SocketStateEvent, name: Uint8Array): void {
    if (this.#isWritten(event)) this.#writer.socketState(event, name);
    this.#engine.socketState(event, name);
  }

  io(event: IoEvent, names: Uint8Array): void {
    if (this.#isWritten(event)) {
      this.#unnamed.add(event.header.tgid);
      this.#writer.io(event, names);
    }
    this.#engine.io(event, names);
  }

  process(event: ProcessEvent): void {
    if (event.action === ProcessAction.exec) this.#writer.forget(event.header.tgid);
    if (this.#isWritten(event)) this.#writer.process(event);
    // Its number may be another's from here on.
    if (event.action === ProcessAction.exit) this.#leavesOut.delete(event.header.tgid);
    this.#engine.process(event);
  }

  wake(event: WakeEvent): void {
    if (this.#isWritten(event)) this.#writer.wake(event);
    this.#engine.wake(event);
  }

  handover(event: HandoverEvent): void {
    if (this.#isWritten(event)) this.#writer.handover(event);
    this.#engine.handover(event);
  }

  streamCall(event: StreamCallEvent): void {
    this.#writer.streamCall(event);
    this.#engine.streamCall(event);
  }

  unitEdge(event: UnitEdgeEvent): void {
    if (this.#isWritten(event)) this.#writer.unitEdge(event);
    this.#engine.unitEdge(event);
  }

  advance(nowNs: number): void {
    this.#nameProcesses();
    this.#engine.advance(nowNs);
  }

  interrupted(nowNs: number): void {
    this.#engine.interrupted(nowNs);
  }

  flush(): void {
    this.#engine.flush();
  }

  close(): Promise<void> {
    this.#nameProcesses();
    return this.#writer.close();
  }

  #isWritten({ header }: { readonly header: EventHeader }): boolean {
    if (!this.#leavesOut.has(header.tgid)) return true;
    this.#writer.leaveOut("self_test");
    return false;
  }

  #nameProcesses(): void {
    for (const tgid of this.#unnamed) {
      const resource = this.#resourceOf(tgid);
      if (resource === undefined) continue;
      this.#writer.resource(tgid, resource.attributes);
      this.#unnamed.delete(tgid);
    }
  }
}

function openRecording(path: string, keepsContent: boolean): number {
  try {
    return openSync(path, keepsContent ? "a" : "w", 0o600);
  } catch (cause) {
    throw new RecordingFileError(path, { cause });
  }
}
