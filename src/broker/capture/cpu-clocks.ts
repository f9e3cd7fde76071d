/** A sampling clock on each CPU that is online, also on those that come online later. */
import { readFileSync } from "node:fs";
import { BpfError } from "../../bpf/error.ts";
import type { BpfObject } from "../../bpf/object.ts";
import { openPerfClock, PerfClock } from "../../bpf/perf-event.ts";

const ONLINE = "/sys/devices/system/cpu/online";
const CHECK_INTERVAL_MS = 2000;

interface CpuClockConfig {
  readonly event: "auto" | PerfClock;
  readonly sampling_frequency: number;
}

export class CpuClocks {
  readonly #object: BpfObject;
  readonly #program: string;
  readonly #config: CpuClockConfig;
  #clock: PerfClock = PerfClock.cpuClock;
  #cpus = new Set<number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(object: BpfObject, program: string, config: CpuClockConfig) {
    this.#object = object;
    this.#program = program;
    this.#config = config;
  }

  /** @throws PerfEventRefusedError, BpfError */
  start(): { readonly clock: PerfClock; readonly cpus: number } {
    const { event } = this.#config;
    this.#clock = event === "auto" ? PerfClock.cycles : event;
    try {
      this.#follow(onlineCpus());
    } catch (error) {
      // No PMU, as in most virtual machines: ENOENT or EOPNOTSUPP.
      if (event !== "auto" || !(error instanceof BpfError)) throw error;
      this.stop();
      this.#clock = PerfClock.cpuClock;
      this.#follow(onlineCpus());
    }
    this.#timer = setInterval(() => this.#check(), CHECK_INTERVAL_MS);
    this.#timer.unref();
    return { clock: this.#clock, cpus: this.#cpus.size };
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const cpu of this.#cpus) this.#object.detachLink(linkName(cpu));
    this.#cpus.clear();
  }

  #check(): void {
    try {
      this.#follow(onlineCpus());
    } catch {
      // The CPU went away again, or the descriptors are used up: the next look tries again.
    }
  }

  /** The clock of a CPU that went offline is dead, also when it comes back. */
  #follow(online: readonly number[]): void {
    for (const cpu of this.#cpus) {
      if (online.includes(cpu)) continue;
      this.#object.detachLink(linkName(cpu));
      this.#cpus.delete(cpu);
    }
    for (const cpu of online) {
      if (this.#cpus.has(cpu)) continue;
      const fd = openPerfClock(this.#clock, cpu, this.#config.sampling_frequency);
      if (fd === undefined) continue;
      this.#object.attachPerfEvent(this.#program, fd, linkName(cpu));
      this.#cpus.add(cpu);
    }
  }
}

function linkName(cpu: number): string {
  return `CPU ${cpu}`;
}

function onlineCpus(): number[] {
  return parseCpuList(readFileSync(ONLINE, "utf8"));
}

/** `0-3,5` (lib/bitmap-str.c). */
function parseCpuList(text: string): number[] {
  return text
    .trim()
    .split(",")
    .filter((part) => part !== "")
    .flatMap((part) => {
      const [first = 0, last = first] = part.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}
