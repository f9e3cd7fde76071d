/**
 * Whether what is known of a socket can be kept by the socket itself (BPF_MAP_TYPE_SK_STORAGE). Linux 7 allocates it without locks, which
 * fails always on processors without cmpxchg16b (kmalloc_nolock, mm/slub.c): emulated ones. There a hash map does as well, at twice
 * the cost.
 */
import { readFileSync } from "node:fs";
import { isKernelBefore } from "./kernel-version.ts";

const LOCKLESS_SINCE = [7, 0] as const;

/** @param cpuInfo text of /proc/cpuinfo */
export function hasSocketStorage(
  cpuInfo = readFileSync("/proc/cpuinfo", "latin1"),
  isOld = isKernelBefore(...LOCKLESS_SINCE),
): boolean {
  const flags = /^flags\s*:(.*)$/m.exec(cpuInfo)?.[1];
  return isOld || flags === undefined || flags.split(" ").includes("cx16");
}
