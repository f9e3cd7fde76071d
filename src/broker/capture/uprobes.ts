/**
 * Uprobes on the programs that are traced. The worker finds the places; a place is named by a mapping of the process,
 * so that nothing but a file that the process executes is ever touched, in whatever mount namespace it lies.
 */
import { statSync } from "node:fs";
import { BpfError } from "../../bpf/error.ts";
import type { UprobePlace, UprobeRequest } from "../../ipc/messages.ts";
import { UprobeRefusedError } from "../error.ts";
import { parseExecutableMapping } from "./executable-mapping.ts";
import { type DetachUprobe, RetiredUprobes } from "./retired-uprobes.ts";

/** Attaches one program to one process. */
type AttachUprobe = (program: string, tgid: number, path: string, offset: number) => DetachUprobe;

/** A process more is traced without them: each costs a perf event and a breakpoint in the process. */
const MAX_PROCESSES = 512;

interface AttachedUprobe {
  readonly program: string;
  readonly tgid: number;
  readonly offset: number;
}

interface Attached extends UprobePlace {
  readonly detach: DetachUprobe;
}

export class Uprobes {
  readonly #attach: AttachUprobe;
  readonly #isOn: boolean;
  readonly #attached = new Map<number, readonly Attached[]>();
  readonly #retired: RetiredUprobes;

  constructor(isOn: boolean, attach: AttachUprobe, retired = new RetiredUprobes()) {
    this.#isOn = isOn;
    this.#attach = attach;
    this.#retired = retired;
  }

  get list(): readonly AttachedUprobe[] {
    return [...this.#attached].flatMap(([tgid, probes]) =>
      probes.map(({ program, offset }) => ({ program, tgid, offset })),
    );
  }

  /**
   * All of a request or nothing. What the process has and is to have stays as it is; what else it has is taken off.
   *
   * @param maps text of /proc/PID/maps
   * @throws UprobeRefusedError
   */
  async attach({ tgid, probes }: UprobeRequest, maps: string): Promise<void> {
    if (!this.#isOn) throw new UprobeRefusedError(tgid, "uprobes are switched off");
    this.#retired.rest();
    // A place that still has its old one would tell everything twice.
    await this.#retired.finish(tgid);
    const had = this.#attached.get(tgid) ?? [];
    this.#forgetEnded();
    if (this.#attached.size >= MAX_PROCESSES && had.length === 0)
      throw new UprobeRefusedError(tgid, `${MAX_PROCESSES} processes have some`);
    const kept = had.filter((each) => probes.some((probe) => isSame(probe, each)));
    this.#retired.add(
      tgid,
      // The last ones are what the others are there for, and are hit most.
      had
        .filter((each) => !kept.includes(each))
        .reverse()
        .map(({ detach }) => detach),
      true,
    );
    const now = [...kept];
    this.#attached.set(tgid, now);
    try {
      for (const probe of probes)
        if (!kept.some((each) => isSame(probe, each))) now.push(this.#attachOne(tgid, probe, maps));
    } catch (error) {
      this.detach(tgid);
      throw error instanceof BpfError ? new UprobeRefusedError(tgid, error.message, { cause: error }) : error;
    }
  }

  detach(tgid: number): void {
    const probes = this.#attached.get(tgid);
    this.#attached.delete(tgid);
    this.#retired.add(tgid, probes?.map(({ detach }) => detach) ?? [], false);
  }

  #attachOne(tgid: number, { program, start, end, offset }: UprobePlace, maps: string): Attached {
    const mapping = parseExecutableMapping(maps, start, end);
    if (mapping === undefined) throw new UprobeRefusedError(tgid, "no such executable mapping of a file");
    const isInside = offset >= mapping.fileOffset && offset < mapping.fileOffset + (end - start);
    if (!isInside) throw new UprobeRefusedError(tgid, `offset ${offset} is not in the mapping`);
    const path = `/proc/${tgid}/map_files/${start.toString(16)}-${end.toString(16)}`;
    return { program, start, end, offset, detach: this.#attach(program, tgid, path, offset) };
  }

  /** The event of a process's end may have been lost. */
  #forgetEnded(): void {
    for (const tgid of this.#attached.keys()) {
      if (statSync(`/proc/${tgid}`, { throwIfNoEntry: false }) === undefined) this.detach(tgid);
    }
  }
}

function isSame(one: UprobePlace, other: UprobePlace): boolean {
  return (
    one.program === other.program && one.start === other.start && one.end === other.end && one.offset === other.offset
  );
}
