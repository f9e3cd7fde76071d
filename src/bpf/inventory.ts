/** What of an object is in the kernel: its programs with what they cost, its maps with what they hold. */
import { closeSync, readFileSync } from "node:fs";
import { BpfError } from "./error.ts";
import { libbpf } from "./libbpf.ts";
import type { BpfMap } from "./map.ts";
import type { BpfObject } from "./object.ts";

interface ProgramUse {
  readonly runs: number;
  readonly runTimeNs: number;
  readonly missed: number;
}

interface MapUse {
  readonly entries: number | undefined;
  readonly isEntriesCut: boolean;
  readonly memoryBytes: number | undefined;
}

/** enum bpf_map_type of include/uapi/linux/bpf.h, as far as our objects have them. */
const MAP_TYPES: ReadonlyMap<number, string> = new Map([
  [1, "hash"],
  [2, "array"],
  [3, "prog_array"],
  [4, "perf_event_array"],
  [5, "percpu_hash"],
  [6, "percpu_array"],
  [7, "stack_trace"],
  [9, "lru_hash"],
  [10, "lru_percpu_hash"],
  [11, "lpm_trie"],
  [12, "array_of_maps"],
  [13, "hash_of_maps"],
  [24, "sk_storage"],
  [27, "ringbuf"],
  [29, "task_storage"],
]);
/** Their entries can be counted by walking the keys. */
const COUNTED: readonly number[] = [1, 5, 9, 10, 11];
/** A walk of more would hold up who does it. */
const COUNT_LIMIT = 10_000;
/** BPF_STATS_RUN_TIME of enum bpf_stats_type. */
const RUN_TIME = 0;

export function mapTypeName(type: number): string {
  return MAP_TYPES.get(type) ?? String(type);
}

/** By the kernel's own count; it counts only while somebody has asked for it (countRunTime). */
export function programUse(object: BpfObject, program: string): ProgramUse {
  const read = fdFields(object.programFd(program));
  return {
    runs: read("run_cnt") ?? 0,
    runTimeNs: read("run_time_ns") ?? 0,
    missed: read("recursion_misses") ?? 0,
  };
}

export function mapUse(map: BpfMap): MapUse {
  const { fd, type } = map.descriptor;
  const memoryBytes = fdFields(fd)("memlock");
  if (!COUNTED.includes(type)) return { entries: undefined, isEntriesCut: false, memoryBytes };
  let entries = 0;
  for (const _ of map.keys()) {
    entries += 1;
    if (entries >= COUNT_LIMIT) return { entries, isEntriesCut: true, memoryBytes };
  }
  return { entries, isEntriesCut: false, memoryBytes };
}

/** Linux 5.8: until it is disposed of the kernel counts, of every program of the host. @throws BpfError */
export function countRunTime(): Disposable {
  const fd = libbpf().enableStats(RUN_TIME);
  if (fd < 0) throw new BpfError("statistics of programs", -fd);
  return { [Symbol.dispose]: () => closeSync(fd) };
}

/** `run_cnt:\t17` of /proc/self/fdinfo, which proc(5) leaves to the file's kind (kernel/bpf/syscall.c). */
function fdFields(fd: number): (name: string) => number | undefined {
  const text = readFileSync(`/proc/self/fdinfo/${fd}`, "latin1");
  return (name) => {
    const found = new RegExp(`^${name}:\\s*(\\d+)$`, "m").exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  };
}
