/**
 * Uprobes on the programs that are traced. The worker finds the places; a place is named by a mapping of the process,
 * so that nothing but a file that the process executes is ever touched, in whatever mount namespace it lies.
 */
import { statSync } from "node:fs";
import { BpfError } from "../bpf/error.ts";
import type { UprobeRequest } from "../ipc/messages.ts";
import { UprobeRefusedError } from "./error.ts";
import { parseExecutableMapping } from "./executable-mapping.ts";

/** Attaches one program to one process. @returns detaches */
export type AttachUprobe = (program: string, tgid: number, path: string, offset: number) => () => void;

/** A process more is traced without them: each costs a perf event and a breakpoint in the process. */
const MAX_PROCESSES = 512;

export interface AttachedUprobe {
  readonly program: string;
  readonly tgid: number;
  readonly offset: number;
}

export class Uprobes {
  readonly #attach: AttachUprobe;
  readonly #isOn: boolean;
  readonly #attached = new Map<number, { readonly probes: AttachedUprobe[]; readonly detach: (() => void)[] }>();

  constructor(isOn: boolean, attach: AttachUprobe) {
    this.#isOn = isOn;
    this.#attach = attach;
  }

  get list(): readonly AttachedUprobe[] {
    return [...this.#attached.values()].flatMap(({ probes }) => probes);
  }

  /**
   * All of a request or nothing; what the process had before is taken off.
   *
   * @param maps text of /proc/PID/maps
   * @throws UprobeRefusedError
   */
  attach({ tgid, start, end, probes }: UprobeRequest, maps: string): void {
    this.detach(tgid);
    if (!this.#isOn) throw new UprobeRefusedError(tgid, "uprobes are switched off");
    this.#forgetEnded();
    if (this.#attached.size >= MAX_PROCESSES)
      throw new UprobeRefusedError(tgid, `${MAX_PROCESSES} processes have some`);
    const mapping = parseExecutableMapping(maps, start, end);
    if (mapping === undefined) throw new UprobeRefusedError(tgid, "no such executable mapping of a file");
    const path = `/proc/${tgid}/map_files/${start.toString(16)}-${end.toString(16)}`;
    const entry = { probes: [] as AttachedUprobe[], detach: [] as (() => void)[] };
    this.#attached.set(tgid, entry);
    for (const { program, offset } of probes) {
      try {
        const isInside = offset >= mapping.fileOffset && offset < mapping.fileOffset + (end - start);
        if (!isInside) throw new UprobeRefusedError(tgid, `offset ${offset} is not in the mapping`);
        entry.detach.push(this.#attach(program, tgid, path, offset));
        entry.probes.push({ program, tgid, offset });
      } catch (error) {
        this.detach(tgid);
        throw error instanceof BpfError ? new UprobeRefusedError(tgid, error.message, { cause: error }) : error;
      }
    }
  }

  detach(tgid: number): void {
    const entry = this.#attached.get(tgid);
    this.#attached.delete(tgid);
    for (const detach of entry?.detach ?? []) detach();
  }

  /** The event of a process's end may have been lost. */
  #forgetEnded(): void {
    for (const tgid of this.#attached.keys()) {
      if (statSync(`/proc/${tgid}`, { throwIfNoEntry: false }) === undefined) this.detach(tgid);
    }
  }
}
