/**
 * Whether what is known of a socket can be kept by the socket itself (BPF_MAP_TYPE_SK_STORAGE). Linux 7 allocates it by
 * kmalloc_nolock (mm/slub.c, since 6.18), which fails always on processors without cmpxchg16b: emulated ones. There a hash map
 * does as well, at twice the cost.
 */
import { readFileSync } from "node:fs";
import { isKernelBefore } from "./kernel-version.ts";

const LOCKLESS_SINCE = [6, 18] as const;

/** @param cpuInfo text of /proc/cpuinfo */
export function hasSocketStorage(
  cpuInfo = readFileSync("/proc/cpuinfo", "latin1"),
  isOld = isKernelBefore(...LOCKLESS_SINCE),
): boolean {
  const flags = /^flags\s*:(.*)$/m.exec(cpuInfo)?.[1];
  return isOld || flags === undefined || flags.split(" ").includes("cx16");
}
