/** The capture object in the kernel: which programs, with which configuration, loaded and then attached. */
import { readFileSync } from "node:fs";
import { BpfError, BpfPermissionError, VerifierError } from "../../bpf/error.ts";
import { chooseHookSet, HookSet, type KernelSymbols, kernelSymbols, type MissingFeature } from "../../bpf/feature.ts";
import { isKernelBefore } from "../../bpf/kernel-version.ts";
import { LAYOUT } from "../../bpf/layout.gen.ts";
import { type LossCounter, readLossCounters } from "../../bpf/loss-reason.ts";
import { type BpfMap, keyU32 } from "../../bpf/map.ts";
import { BpfObject, UPROBE_SECTIONS } from "../../bpf/object.ts";
import { hasSocketStorage } from "../../bpf/socket-storage.ts";
import { UPROBE_LINKS_SINCE } from "../../bpf/uprobe-link.ts";
import type { BpfMapInfo, BpfProgramInfo } from "../../ipc/control-answers.ts";
import { type AttachedProbe, type Attachment, UPROBE_PROGRAMS } from "../../ipc/messages.ts";
import type { SocketTraceConfig } from "../../ipc/socket-trace-config.ts";
import { mapsOfObject, programsOfObject } from "../bpf-inventory.ts";
import { traceConfBytes, traceSettingsBytes } from "./control.ts";
import { type HookSets, IO_PROGRAMS, isAttachable, programsOf, WAKE_PROGRAM } from "./hook-programs.ts";
import { scopeConf } from "./kernel-scope.ts";
import { earlierCapacity, markEarlier, NO_UNIX, TOO_MANY_UNIX, unixConf, unixPrograms } from "./unix-capture.ts";
import { unixConnections } from "./unix-connections.ts";

const BURST_BYTES = 4 * 1024 * 1024;

interface CaptureOptions {
  readonly objectPath: string;
  readonly config: SocketTraceConfig;
}

export class Capture implements Disposable {
  readonly #object: BpfObject;
  readonly #choice: HookSets;
  readonly #missing: MissingFeature[];
  readonly #readsUnix: boolean;
  #attachment: Attachment | undefined;

  private constructor(object: BpfObject, choice: HookSets, missing: MissingFeature[], readsUnix: boolean) {
    this.#object = object;
    this.#readsUnix = readsUnix;
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
        const forUnix = options.config.unix_sockets ? unixPrograms(symbols, choice) : [];
        const object = loadObject(bytes, choice, options.config, symbols, forUnix);
        if (options.config.unix_sockets && forUnix.length === 0) missing.push(NO_UNIX);
        return new Capture(object, choice, missing, forUnix.length > 0);
      } catch (error) {
        if (!(error instanceof VerifierError || error instanceof BpfError || error instanceof BpfPermissionError)) {
          throw error;
        }
        refusal ??= error;
        missing.push({ feature: `hook sets ${choice.sends}/${choice.receives}`, cost: error.message });
      }
    }
    throw refusal;
  }

  attach(): Attachment {
    if (this.#attachment !== undefined) return this.#attachment;
    const probes: AttachedProbe[] = [];
    for (const program of selfAttaching(this.#object))
      if (program !== WAKE_PROGRAM) probes.push(this.#object.attach(program));
    if (this.#readsUnix && !markEarlier(this.map("unix_earlier"), unixConnections())) this.#missing.push(TOO_MANY_UNIX);
    this.#attachment = { probes, hookSet: this.#choice, missing: this.#missing };
    return this.#attachment;
  }

  /** A program that was loaded, whether or not `attach` was called. @throws BpfError */
  attachOnDemand(program: string): void {
    if (this.#object.selectedPrograms.includes(program)) this.#object.attach(program);
  }

  detachOnDemand(program: string): void {
    this.#object.detach(program);
  }

  /** One of UPROBE_PROGRAMS, at a place of a file, for one process. @returns detaches */
  attachUprobe(program: string, tgid: number, path: string, offset: number): () => Promise<void> {
    // What was known of its functions is not followed while they are off.
    if (program === "node_collect") this.map("node_runs").delete(keyU32(tgid));
    return this.#object.attachUprobe(program, tgid, path, offset);
  }

  /** Nothing is traced any more; what is in the ring stays. */
  detach(): void {
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
    this.#object[Symbol.dispose]();
  }
}

function loadObject(
  bytes: Uint8Array,
  choice: HookSets,
  config: SocketTraceConfig,
  symbols: KernelSymbols,
  forUnix: readonly string[],
): BpfObject {
  const object = BpfObject.open("socket_trace", bytes);
  try {
    object.checkLayout(LAYOUT);
    const wanted = [...programsOf(choice.sends, choice.receives, symbols.hasFunction("bpf_rdonly_cast")), WAKE_PROGRAM];
    wanted.push(...forUnix);
    const asksForIo = config.io_events.mode !== "off";
    if (asksForIo) wanted.push(...IO_PROGRAMS);
    if (config.uprobes === "auto") wanted.push(...uprobePrograms());
    object.selectPrograms(new Set(wanted.filter((name) => isAttachable(object.programs.get(name) ?? "", symbols))));
    object.setMaxEntries("socket_data", config.ring_buffer_size_bytes);
    if (forUnix.length > 0) object.setMaxEntries("unix_earlier", earlierCapacity(unixConnections().size));
    if (!isKernelBefore(...UPROBE_LINKS_SINCE)) object.useUprobeLinks();
    if (!asksForIo) for (const map of ["trace_map", "io_calls"]) object.setMaxEntries(map, 1);
    object.setConstant(
      "trace_conf",
      traceConfBytes({
        ...scopeConf(config.scope),
        bytesPerSecond: 0,
        burstBytes: BURST_BYTES,
        defaultLimit: config.capture_prefix_bytes,
        udpSendByLength: choice.sends === HookSet.a ? 1 : 0,
        pageMoves: choice.sends === HookSet.c ? 1 : 0,
        socketStorage: choice.sends !== HookSet.c && choice.receives !== HookSet.c && hasSocketStorage() ? 1 : 0,
        traceRequests: asksForIo ? 1 : 0,
        recvmsgArguments: isKernelBefore(5, 19) ? 6 : 5,
        ...unixConf(forUnix, choice),
      }),
    );
    object.load();
    object.map("trace_conf_map").set(keyU32(0), traceSettingsBytes(config.io_events));
    if (choice.sends === HookSet.b || choice.receives === HookSet.b) tryAttach(object);
    return object;
  } catch (error) {
    object[Symbol.dispose]();
    throw error;
  }
}

/** BTF can't tell whether a kernel takes fentry: only an attachment can. */
function tryAttach(object: BpfObject): void {
  for (const program of selfAttaching(object)) object.attach(program);
  object.detach();
}

/** Uprobes are attached to processes, one by one. */
function selfAttaching(object: BpfObject): readonly string[] {
  return object.selectedPrograms.filter((program) => !UPROBE_SECTIONS.has(object.programs.get(program)));
}

/** bpf_for_each_map_elem, by which objects are followed that move, came with 5.13 (69c087ba6225). */
function uprobePrograms(): readonly string[] {
  return isKernelBefore(5, 13) ? UPROBE_PROGRAMS.filter((name) => !name.startsWith("node_")) : UPROBE_PROGRAMS;
}

/** Both best first; then the sends give way, then the receives. */
function* combinations(sends: readonly HookSet[], receives: readonly HookSet[]): Generator<HookSets> {
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
