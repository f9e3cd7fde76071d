/** The capture object in the kernel: which programs, with which configuration, loaded and then attached. */
import { readFileSync } from "node:fs";
import { release } from "node:os";
import { BpfError, VerifierError } from "../bpf/error.ts";
import { chooseHookSet, HookSet, kernelSymbols, type MissingFeature } from "../bpf/feature.ts";
import { type BpfMap, keyU32, sumU64 } from "../bpf/map.ts";
import { BpfObject } from "../bpf/object.ts";
import type { AttachedProbe, Attachment, LossCounter } from "../ipc/messages.ts";
import type { SocketTraceConfig } from "../ipc/socket-trace-config.ts";
import { encodeTraceConf, LossReason } from "./control.ts";
import { programsOf } from "./hook-programs.ts";
import { scopeConf } from "./kernel-scope.ts";

const BURST_BYTES = 4 * 1024 * 1024;

export interface CaptureOptions {
  readonly objectPath: string;
  readonly config: SocketTraceConfig;
}

interface Choice {
  readonly sends: HookSet;
  readonly receives: HookSet;
}

export class Capture implements Disposable {
  readonly #object: BpfObject;
  readonly #choice: Choice;
  readonly #missing: readonly MissingFeature[];
  #attachment: Attachment | undefined;

  private constructor(object: BpfObject, choice: Choice, missing: readonly MissingFeature[]) {
    this.#object = object;
    this.#choice = choice;
    this.#missing = missing;
  }

  /**
   * Loads the best hook sets that this kernel takes. A set that BTF promises and the kernel refuses (fentry where
   * trampolines are not there) gives way to the next.
   */
  static load(options: CaptureOptions): Capture {
    const bytes = readFileSync(options.objectPath);
    using symbols = kernelSymbols();
    const sends = chooseHookSet(symbols, "sends", options.config.hook_set.sends);
    const receives = chooseHookSet(symbols, "receives", options.config.hook_set.receives);
    const missing = [...sends.missing, ...receives.missing];
    let refusal: unknown;
    for (const choice of combinations(sends.candidates, receives.candidates)) {
      try {
        return new Capture(loadObject(bytes, choice, options.config), choice, missing);
      } catch (error) {
        if (!(error instanceof VerifierError) && !(error instanceof BpfError)) throw error;
        refusal ??= error;
        missing.push({ feature: `hook sets ${choice.sends}/${choice.receives}`, cost: error.message });
      }
    }
    throw refusal;
  }

  attach(): Attachment {
    if (this.#attachment !== undefined) return this.#attachment;
    const probes: AttachedProbe[] = [];
    for (const program of this.#object.selectedPrograms) probes.push(this.#object.attach(program));
    this.#attachment = { probes, hookSet: this.#choice, missing: this.#missing };
    return this.#attachment;
  }

  /** Nothing is traced any more; what is in the ring stays. */
  detach(): void {
    this.#object.detach();
  }

  map(name: string): BpfMap {
    return this.#object.map(name);
  }

  lossCounters(): LossCounter[] {
    const counters = this.map("loss_counters");
    return Object.entries(LossReason).map(([reason, index]) => ({
      reason,
      count: sumU64(counters.getPerCpu(keyU32(index))),
    }));
  }

  [Symbol.dispose](): void {
    this.#object[Symbol.dispose]();
  }
}

function loadObject(bytes: Uint8Array, choice: Choice, config: SocketTraceConfig): BpfObject {
  const object = BpfObject.open("socket_trace", bytes);
  try {
    object.selectPrograms(programsOf(choice.sends, choice.receives));
    object.setMaxEntries("socket_data", config.ring_buffer_size_bytes);
    object.setConstant(
      "trace_conf",
      encodeTraceConf({
        ...scopeConf(config.scope),
        bytesPerSecond: 0,
        burstBytes: BURST_BYTES,
        defaultLimitBytes: config.capture_prefix_bytes,
        isUdpSendByLength: choice.sends !== HookSet.b,
        recvmsgArguments: isBefore(release(), 5, 19) ? 6 : 5,
      }),
    );
    object.load();
    if (choice.sends === HookSet.b || choice.receives === HookSet.b) tryAttach(object);
    return object;
  } catch (error) {
    object[Symbol.dispose]();
    throw error;
  }
}

/** BTF can't tell whether a kernel takes fentry: only an attachment can. */
function tryAttach(object: BpfObject): void {
  for (const program of object.selectedPrograms) object.attach(program);
  object.detach();
}

/** @param version of uname: `5.15.0-91-generic` */
export function isBefore(version: string, major: number, minor: number): boolean {
  const [, a, b] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(a) < major || (Number(a) === major && Number(b) < minor);
}

/** Both best first; then the sends give way, then the receives. */
function* combinations(sends: readonly HookSet[], receives: readonly HookSet[]): Generator<Choice> {
  const seen = new Set<string>();
  const steps = Math.max(sends.length, receives.length);
  for (let step = 0; step < steps; step++) {
    for (const [s, r] of [
      [step, step],
      [step + 1, step],
    ] as const) {
      const choice = {
        sends: sends[Math.min(s, sends.length - 1)]!,
        receives: receives[Math.min(r, receives.length - 1)]!,
      };
      const key = `${choice.sends}${choice.receives}`;
      if (seen.has(key)) continue;
      seen.add(key);
      yield choice;
    }
  }
}
