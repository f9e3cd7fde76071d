/** Records of the profiler's ring to samples and changes of processes. */
import {
  decodeProcessEvent,
  EventKind,
  LAYOUT,
  ProcessAction,
  ProfileEventKind,
  StackEnd,
} from "../../bpf/layout.gen.ts";
import { forEachRecord } from "../../bpf/ring-records.ts";
import type { InterpreterStack, StackSample } from "../../mapping/profiles/stack-sample.ts";
import { commText } from "../comm-text.ts";
import type { RawScriptFrame } from "../interpreters/known-functions.ts";
import { execFacts } from "../socket-trace/exec-facts.ts";
import { type DecodedSample, type RawInterpreterFrame, SampleDecoder } from "./decode-sample.ts";
import type { ProcessChange } from "./profile-message.ts";
import { type ReadSample, WakerSamples } from "./waker-samples.ts";

/** ProcessUnwinding, as far as records go into it. */
interface FrameNames {
  /** At once where everything is known. */
  resolve(
    tgid: number,
    frames: readonly RawInterpreterFrame[],
  ): InterpreterStack | undefined | Promise<InterpreterStack | undefined>;
  exited(tgid: number): void;
}

/** V8Frames and JvmFrames, as far as records go into them. */
export interface ScriptNames {
  /** At once where everything is known. */
  resolve(
    tgid: number,
    frames: readonly RawScriptFrame[],
  ): StackSample["scriptFrames"] | Promise<StackSample["scriptFrames"]>;
  exited(tgid: number): void;
}

/** OtelContexts, as far as records go into it. */
interface PublishedContexts {
  sampled(tgid: number): void;
  attributes(tgid: number, bytes: Uint8Array): Promise<StackSample["contextAttributes"]>;
  exited(tgid: number): void;
}

interface UnwindingTarget {
  missing(tgid: number): unknown;
  exited(tgid: number): void;
}

const LOADED_AFTER_MS = 20;
const END_NAMES = new Map<number, string>(Object.entries(StackEnd).map(([name, value]) => [value, name]));

interface RecordReaderOptions {
  readonly unwinding: UnwindingTarget;
  readonly interpreters: FrameNames;
  readonly scripts: ScriptNames;
  readonly contexts: PublishedContexts;
  readonly isWanted: (tgid: number) => boolean;
  /** A process of ours, of which not even that it wakes somebody is told. */
  readonly isOwn: (tgid: number) => boolean;
}

export class RecordReader {
  readonly #unwinding: UnwindingTarget;
  readonly #interpreters: FrameNames;
  readonly #scripts: ScriptNames;
  readonly #contexts: PublishedContexts;
  /** Samples whose interpreter's frames are being named. */
  readonly #naming = new Set<Promise<void>>();
  readonly #isWanted: (tgid: number) => boolean;
  readonly #isOwn: (tgid: number) => boolean;
  readonly #wakers = new WakerSamples();
  readonly #decoder = new SampleDecoder();
  #samples: StackSample[] = [];
  #changes: ProcessChange[] = [];
  #damagedRecords = 0;
  #leftOut = 0;
  readonly ends: Record<string, number> = {};
  unexplained = 0;

  constructor({ unwinding, interpreters, scripts, contexts, isWanted, isOwn }: RecordReaderOptions) {
    this.#unwinding = unwinding;
    this.#interpreters = interpreters;
    this.#scripts = scripts;
    this.#contexts = contexts;
    this.#isWanted = isWanted;
    this.#isOwn = isOwn;
  }

  read(stretch: DataView): void {
    forEachRecord(stretch, stretch.byteLength, (offset, lengthBytes) => this.#record(stretch, offset, lengthBytes));
  }

  /** An SDK in a process says who it is. */
  described(tgid: number, attributes: StackSample["contextAttributes"]): void {
    this.#changes.push({ kind: "described", tgid, attributes });
  }

  /** Something that has to be told soon: a process may be gone before its files are read. */
  get hasChanges(): boolean {
    return this.#changes.length > 0;
  }

  /** What has come since the last time. */
  take(): {
    readonly samples: readonly StackSample[];
    readonly changes: readonly ProcessChange[];
    readonly damagedRecords: number;
    readonly leftOut: number;
  } {
    const taken = {
      samples: this.#samples,
      changes: this.#changes,
      damagedRecords: this.#damagedRecords,
      leftOut: this.#leftOut,
    };
    this.#samples = [];
    this.#changes = [];
    this.#damagedRecords = 0;
    this.#leftOut = 0;
    return taken;
  }

  #record(view: DataView, offset: number, lengthBytes: number): void {
    const kind = lengthBytes >= 4 ? view.getUint32(offset, true) : 0;
    if (kind === ProfileEventKind.stackSample) this.#sample(view, offset, lengthBytes);
    else if (kind === EventKind.process && lengthBytes >= LAYOUT.process_event.sizeBytes) this.#process(view, offset);
    else this.#damagedRecords++;
  }

  #sample(view: DataView, offset: number, lengthBytes: number): void {
    const decoded = this.#decoder.decode(view, offset, lengthBytes);
    if (decoded === undefined) {
      this.#damagedRecords++;
      return;
    }
    const { sample, wait } = decoded;
    if (wait?.wokenTgid !== undefined) {
      if (!this.#isWanted(wait.wokenTgid)) return;
      if (this.#isOwn(sample.tgid)) {
        this.#wakers.add(wait.key, withoutThread(sample));
        return;
      }
      this.#look(decoded);
      this.#wakers.add(wait.key, this.#named(decoded));
      return;
    }
    if (!this.#isWanted(sample.tgid)) {
      this.#leftOut++;
      return;
    }
    this.#look(decoded);
    const name = END_NAMES.get(decoded.end) ?? "unknown";
    this.ends[name] = (this.ends[name] ?? 0) + 1;
    if (decoded.isUnexplained && decoded.end !== StackEnd.none) this.unexplained++;
    this.#push(this.#named(decoded), wait === undefined ? undefined : this.#wakers.take(wait.key));
  }

  /** At its process, which a thread of the kernel has none of. */
  #look({ sample: { tgid }, end, isUnexplained }: DecodedSample): void {
    if (end === StackEnd.none) return;
    if (isUnexplained) this.#unwinding.missing(tgid);
    this.#contexts.sampled(tgid);
  }

  #named({ sample, interpreterFrames, scriptFrames, contextBytes }: DecodedSample): ReadSample {
    const { tgid } = sample;
    const stack = interpreterFrames.length === 0 ? undefined : this.#interpreters.resolve(tgid, interpreterFrames);
    const scripts = scriptFrames.length === 0 ? sample.scriptFrames : this.#scripts.resolve(tgid, scriptFrames);
    if (!(stack instanceof Promise) && !(scripts instanceof Promise) && contextBytes.length === 0) {
      const isBare = stack === undefined && scripts === sample.scriptFrames;
      return isBare ? sample : { ...sample, interpreterStack: stack, scriptFrames: scripts };
    }
    const attributes =
      contextBytes.length === 0 ? sample.contextAttributes : this.#contexts.attributes(tgid, contextBytes);
    return Promise.all([stack, scripts, attributes]).then(([interpreterStack, scriptFrames, contextAttributes]) => ({
      ...sample,
      interpreterStack,
      scriptFrames,
      contextAttributes,
    }));
  }

  #push(sample: ReadSample, waker: ReadSample | undefined): void {
    if (!(sample instanceof Promise) && !(waker instanceof Promise)) {
      this.#samples.push(withWaker(sample, waker));
      return;
    }
    const naming = Promise.all([sample, waker])
      .then(([sample, waker]) => {
        this.#samples.push(withWaker(sample, waker));
      })
      .finally(() => this.#naming.delete(naming));
    this.#naming.add(naming);
  }

  /** Samples that were read and can't be taken yet. */
  get unnamed(): number {
    return this.#naming.size;
  }

  /** Every sample that was read is to be taken. */
  async settled(): Promise<void> {
    await Promise.all(this.#naming);
  }

  #process(view: DataView, offset: number): void {
    const event = decodeProcessEvent(view, offset);
    const { tgid, timestampNs } = event.header;
    const { startTimeNs, parentTgid } = event;
    const comm = commText(event.comm);
    if (event.action === ProcessAction.fork) {
      this.#changes.push({ kind: "forked", tgid, parentTgid, startTimeNs, comm });
      return;
    }
    this.#unwinding.exited(tgid);
    this.#interpreters.exited(tgid);
    this.#scripts.exited(tgid);
    this.#contexts.exited(tgid);
    if (event.action === ProcessAction.exec) {
      const exec = execFacts(event, view, offset + LAYOUT.process_event.sizeBytes);
      this.#changes.push({ kind: "executed", tgid, startTimeNs, comm, exec });
      // The loader maps the libraries first; then the first sample finds the tables made.
      if (this.#isWanted(tgid)) setTimeout(() => void this.#unwinding.missing(tgid), LOADED_AFTER_MS).unref();
    } else {
      this.#changes.push({ kind: "exited", tgid, timestampNs });
    }
  }
}

/** What the kernel did while it ran; an interrupt wakes in the name of whom it has interrupted. */
function withoutThread(sample: StackSample): StackSample {
  return { ...sample, tgid: 0, pid: 0, comm: "", userStack: new BigUint64Array(), scriptFrames: [] };
}

function withWaker(sample: StackSample, waker: StackSample | undefined): StackSample {
  return waker === undefined ? sample : { ...sample, waker: { tgid: waker.tgid, pid: waker.pid, sample: waker } };
}
