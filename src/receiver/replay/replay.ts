/**
 * Captures and recordings to the trace engine: reads each file, keeps its clock, says where it breaks.
 * What the engine makes of them is the same code as on the live path.
 */
import { basename } from "node:path";
import type {
  HandoverEvent,
  IoEvent,
  ProcessEvent,
  StreamCallEvent,
  UnitEdgeEvent,
  WakeEvent,
} from "../../bpf/layout.gen.ts";
import type { StageAccount } from "../../mapping/account.ts";
import type { Resource, Span } from "../../mapping/span.ts";
import type { CaptureDecoder } from "./capture.ts";
import { DatadumpDecoder, isDatadump } from "./datadump.ts";
import { type CaptureProblem, CaptureTruncatedError, UnknownCaptureFormatError } from "./error.ts";
import { fileChunks } from "./file-chunks.ts";
import type { EventSink } from "./packets/capture-events.ts";
import { PacketSource } from "./packets/packet-source.ts";
import { isPcapMagic, PcapDecoder } from "./pcap.ts";
import { PcapngDecoder } from "./pcapng.ts";
import { RecordingDecoder } from "./recording/recording-decoder.ts";
import { ReplayClock } from "./replay-clock.ts";
import { isRowLog, RowLogDecoder } from "./row-log.ts";

/** TraceEngine, as far as replay needs it. */
export interface ReplayTarget extends EventSink {
  process(event: ProcessEvent): void;
  io(event: IoEvent, names: Uint8Array): void;
  wake(event: WakeEvent): void;
  unitEdge(event: UnitEdgeEvent): void;
  handover(event: HandoverEvent): void;
  streamCall(event: StreamCallEvent): void;
  advance(nowNs: number): void;
  flush(): void;
}

/** What an engine must be told about the input that it gets. */
export interface Timeline {
  readonly clockOffsetNs: () => bigint;
  resourceOf(tgid: number): Resource | undefined;
  /** Packets of a network, seen from neither end. */
  readonly isCapture: boolean;
}

interface ReplayOptions {
  /** One engine per clock: captures that follow one another share one, each recording has its own. */
  openTarget(timeline: Timeline): ReplayTarget;
  problem(path: string, problem: CaptureProblem): void;
  /** Of inputs that hold sessions already, which no engine sees. */
  spans?(spans: readonly Span[]): void;
  accounts?(accounts: readonly StageAccount[]): void;
  /** Called between pieces of a file; reading waits for it. */
  progress?(): Promise<void>;
}

/** Stands for the unknown process that a captured flow belongs to. */
const CAPTURE_TGID = 1;

export class Replay {
  readonly #options: ReplayOptions;
  readonly #clock = new ReplayClock();
  readonly #packets: PacketSource;
  #target: ReplayTarget | undefined;
  #resource: Resource = { attributes: [] };
  #path = "";

  constructor(options: ReplayOptions) {
    this.#options = options;
    const sink: EventSink = {
      socketData: (event, bytes) => this.#captureTarget().socketData(event, bytes),
      socketState: (event) => this.#captureTarget().socketState(event),
    };
    this.#packets = new PacketSource(sink, {
      clock: this.#clock,
      tgid: () => CAPTURE_TGID,
      advance: (nowNs) => this.#captureTarget().advance(nowNs),
      restart: () => this.#closeTarget(),
      problem: (problem) => options.problem(this.#path, problem),
    });
  }

  get accounts(): readonly StageAccount[] {
    return this.#packets.accounts;
  }

  async file(path: string): Promise<void> {
    this.#path = path;
    // No process is known in a capture: the file is what tells one unknown service from another.
    this.#resource = {
      attributes: [
        ["service.name", "unknown_service"],
        ["sockspan.capture.file", basename(path)],
      ],
    };
    let decoder: CaptureDecoder | undefined;
    let head: Uint8Array = new Uint8Array(0);
    let offset = 0;
    const onCut = (message: string): void => {
      this.#options.problem(path, new CaptureTruncatedError(offset, `gzip: ${message}`));
    };
    for await (const chunk of fileChunks(path, onCut)) {
      offset += chunk.length;
      await this.#options.progress?.();
      if (decoder !== undefined) {
        decoder.push(chunk);
        continue;
      }
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
      if (head.length < 64) continue;
      decoder = this.#decoder(path, head);
      decoder.push(head);
    }
    if (decoder === undefined) {
      decoder = this.#decoder(path, head);
      decoder.push(head);
    }
    decoder.end();
  }

  /** After the last file. */
  end(): void {
    this.#packets.flush();
    this.#closeTarget();
  }

  #decoder(path: string, head: Uint8Array): CaptureDecoder {
    const magic = head.length < 4 ? 0 : new DataView(head.buffer, head.byteOffset).getUint32(0, false);
    if (isPcapMagic(magic)) return new PcapDecoder(this.#packets);
    if (magic === 0x0a0d0d0a) return new PcapngDecoder(this.#packets);
    const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, 4096)).toString("latin1");
    if (text.startsWith('{"sockspan_recording"')) {
      this.end();
      return new RecordingDecoder({
        openTarget: (timeline) => this.#options.openTarget(timeline),
        problem: (problem) => this.#options.problem(path, problem),
      });
    }
    if (isDatadump(text)) {
      this.end();
      return new DatadumpDecoder({
        openTarget: (timeline) => this.#options.openTarget(timeline),
        problem: (problem) => this.#options.problem(path, problem),
      });
    }
    if (isRowLog(text)) {
      this.end();
      return new RowLogDecoder({
        spans: (spans) => this.#options.spans?.(spans),
        accounts: (accounts) => this.#options.accounts?.(accounts),
        problem: (problem) => this.#options.problem(path, problem),
      });
    }
    const first = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, 8)).toString("hex");
    throw new UnknownCaptureFormatError(path, first);
  }

  #captureTarget(): ReplayTarget {
    this.#target ??= this.#options.openTarget({
      clockOffsetNs: () => this.#clock.offsetNs,
      resourceOf: () => this.#resource,
      isCapture: true,
    });
    return this.#target;
  }

  #closeTarget(): void {
    this.#target?.flush();
    this.#target = undefined;
  }
}
