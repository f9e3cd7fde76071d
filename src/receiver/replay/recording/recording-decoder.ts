/** Reads a recording (recording.ts) into a trace engine. */
import type { Resource } from "../../../mapping/span.ts";
import type { CaptureDecoder } from "../capture.ts";
import { CaptureDamagedError, type CaptureProblem, CaptureTruncatedError } from "../error.ts";
import { LineSplitter } from "../line-splitter.ts";
import type { ReplayTarget, Timeline } from "../replay.ts";
import { parseRecordingLine } from "./parse-line.ts";

const ADVANCE_NS = 50e6;

export interface EventDecoderOptions {
  openTarget(timeline: Timeline): ReplayTarget;
  problem(problem: CaptureProblem): void;
}

export class RecordingDecoder implements CaptureDecoder {
  readonly #options: EventDecoderOptions;
  readonly #lines: LineSplitter;
  readonly #resources = new Map<number, Resource>();
  #target: ReplayTarget | undefined;
  #nextAdvanceNs = 0;
  #stopped = false;

  constructor(options: EventDecoderOptions) {
    this.#options = options;
    this.#lines = new LineSplitter((line, offset) => this.#line(line, offset));
  }

  push(chunk: Uint8Array): void {
    if (this.#stopped) return;
    if (!this.#lines.push(chunk)) this.#stop(0, "a line is too long");
  }

  end(): void {
    const last = this.#lines.end();
    if (last !== undefined && !this.#stopped) {
      this.#options.problem(new CaptureTruncatedError(last.offset, "the last line is cut off"));
    }
    this.#target?.flush();
    this.#target = undefined;
  }

  #stop(offset: number, message: string): void {
    this.#stopped = true;
    this.#options.problem(new CaptureDamagedError(offset, message));
  }

  #line(line: string, offset: number): void {
    if (this.#stopped || line === "") return;
    const record = parseRecordingLine(line);
    if (record === undefined) {
      this.#stop(offset, "a line is no event of a recording");
      return;
    }
    if (record.kind === "header") {
      // Recordings may be joined with cat.
      this.#target?.flush();
      this.#resources.clear();
      this.#nextAdvanceNs = 0;
      const { clockOffsetNs } = record.header;
      this.#target = this.#options.openTarget({
        clockOffsetNs: () => clockOffsetNs,
        resourceOf: (tgid) => this.#resources.get(tgid),
        isCapture: false,
      });
      return;
    }
    const target = this.#target;
    if (target === undefined) return;
    if (record.kind === "resource") {
      this.#resources.set(record.tgid, { attributes: record.attributes });
      return;
    }
    if (record.kind === "lost") return;
    const nowNs = record.event.header.timestampNs;
    if (nowNs >= this.#nextAdvanceNs) {
      this.#nextAdvanceNs = nowNs + ADVANCE_NS;
      target.advance(nowNs);
    }
    if (record.kind === "data") target.socketData(record.event, record.bytes);
    else if (record.kind === "state") target.socketState(record.event, record.name);
    else if (record.kind === "io") target.io(record.event, record.names);
    else if (record.kind === "wake") target.wake(record.event);
    else if (record.kind === "unit_edge") target.unitEdge(record.event);
    else if (record.kind === "handover") target.handover(record.event);
    else if (record.kind === "stream_call") target.streamCall(record.event);
    else target.process(record.event);
  }
}
