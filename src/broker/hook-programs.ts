/** Which programs of socket_trace.bpf.o make up a choice of hook sets. */
import type { HookSet } from "../bpf/feature.ts";

/** Roles and life of connections, and of processes: with every choice. */
const ALWAYS: readonly string[] = [];
const SENDS: Record<HookSet, readonly string[]> = { a: [], b: [], c: [] };
const RECEIVES: Record<HookSet, readonly string[]> = { a: [], b: [], c: [] };

export function programsOf(sends: HookSet, receives: HookSet): ReadonlySet<string> {
  return new Set([...ALWAYS, ...SENDS[sends], ...RECEIVES[receives]]);
}
