/** The profiler in the kernel: loaded, a clock on each CPU, and the scheduler's switches where waits are wanted. */
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { encodeProfileConf, LAYOUT, PROFILE_LAYOUT } from "../../bpf/layout.gen.ts";
import { type LossCounter, readLossCounters } from "../../bpf/loss-reason.ts";
import type { BpfMap } from "../../bpf/map.ts";
import { BpfObject } from "../../bpf/object.ts";
import type { BpfMapInfo, BpfProgramInfo } from "../../ipc/control-answers.ts";
import type { AttachedProbe, ProfileAttachment } from "../../ipc/messages.ts";
import { type ProfileConfig, ringSizeBytes } from "../../ipc/profile-config.ts";
import { mapsOfObject, programsOfObject } from "../bpf-inventory.ts";
import { traceConfBytes } from "./control.ts";
import { CpuClocks } from "./cpu-clocks.ts";
import { scopeConf } from "./kernel-scope.ts";
import { CLOCK_PROGRAM, profilePrograms } from "./profile-programs.ts";

/** Threads that wait at once; each takes 5 kB of the kernel. */
const WAITS = 2048;
const NS_PER_MS = 1e6;

interface ProfileCaptureOptions {
  /** perf_profiler.bpf.o */
  readonly objectPath: string;
  readonly config: ProfileConfig;
}

export class ProfileCapture implements Disposable {
  readonly #object: BpfObject;
  readonly #clocks: CpuClocks;
  #attachment: ProfileAttachment | undefined;

  private constructor(object: BpfObject, config: ProfileConfig) {
    this.#object = object;
    this.#clocks = new CpuClocks(object, CLOCK_PROGRAM, config);
  }

  /** @throws VerifierError, BpfPermissionError, BpfError, LayoutMismatchError */
  static load({ objectPath, config }: ProfileCaptureOptions): ProfileCapture {
    const object = BpfObject.open("perf_profiler", readFileSync(objectPath));
    try {
      object.checkLayout({ ...PROFILE_LAYOUT, ...SHARED_LAYOUT });
      const hasWaits = config.off_cpu.share > 0;
      object.selectPrograms(new Set(profilePrograms(hasWaits)));
      object.setMaxEntries("stack_samples", ringSizeBytes(config, cpus().length));
      object.setMaxEntries("unwind_rows", config.unwind_rows);
      if (hasWaits) object.setMaxEntries("waits", WAITS);
      object.setConstant("trace_conf", traceConfBytes(scopeConf(config.scope)));
      object.setConstant("profile_conf", profileConfBytes(config));
      object.load();
      return new ProfileCapture(object, config);
    } catch (error) {
      object[Symbol.dispose]();
      throw error;
    }
  }

  /** @throws PerfEventRefusedError, BpfError */
  attach(): ProfileAttachment {
    if (this.#attachment !== undefined) return this.#attachment;
    const probes: AttachedProbe[] = this.#object.selectedPrograms
      .filter((program) => program !== CLOCK_PROGRAM)
      .map((program) => this.#object.attach(program));
    const { clock, cpus } = this.#clocks.start();
    this.#attachment = { probes: [...probes, { program: CLOCK_PROGRAM, section: "perf_event" }], clock, cpus };
    return this.#attachment;
  }

  /** Nothing is sampled any more; what is in the ring stays. */
  detach(): void {
    this.#clocks.stop();
    this.#object.detach();
  }

  get programInfo(): readonly BpfProgramInfo[] {
    return programsOfObject(this.#object);
  }

  get mapInfo(): readonly BpfMapInfo[] {
    return mapsOfObject(this.#object);
  }

  map(name: string): BpfMap {
    return this.#object.map(name);
  }

  lossCounters(): LossCounter[] {
    return readLossCounters(this.map("loss_counters"));
  }

  [Symbol.dispose](): void {
    this.#clocks.stop();
    this.#object[Symbol.dispose]();
  }
}

const SHARED_LAYOUT = {
  event_header: LAYOUT.event_header,
  process_event: LAYOUT.process_event,
  trace_conf: LAYOUT.trace_conf,
  process_control: LAYOUT.process_control,
};

function profileConfBytes({ off_cpu, kernel_stacks }: ProfileConfig): Uint8Array {
  const bytes = new Uint8Array(PROFILE_LAYOUT.profile_conf.sizeBytes);
  encodeProfileConf(new DataView(bytes.buffer), 0, {
    offCpuThresholdNs: off_cpu.threshold * NS_PER_MS,
    offCpuShare: Math.min(Math.round(off_cpu.share * 2 ** 32), 2 ** 32 - 1),
    hasKernelStacks: kernel_stacks ? 1 : 0,
    hasWakerStacks: off_cpu.waker_stacks ? 1 : 0,
  });
  return bytes;
}
