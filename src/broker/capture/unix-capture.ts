/** Reading AF_UNIX streams: by which programs, and what those must be told. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { KernelSymbols, MissingFeature } from "../../bpf/feature.ts";
import { UnixSockets } from "../../bpf/layout.gen.ts";
import { type BpfMap, keyU32, keyU64 } from "../../bpf/map.ts";
import { type HookSets, UNIX_PROGRAMS } from "./hook-programs.ts";

export const NO_UNIX: MissingFeature = {
  feature: "tracepoint sock_send_length (Linux 6.3+) or hook set b (5.15+)",
  cost: "AF_UNIX streams are not read",
};
export const TOO_MANY_UNIX: MissingFeature = {
  feature: "room for all AF_UNIX connections of the host",
  cost: "the spans of their two ends are not joined",
};

const LIST_IS_COMPLETE = 0n;
/** Connections that may come between two looks. */
const ROOM = 16_384;

/** @returns empty: this kernel has no place to see them */
export function unixPrograms(symbols: KernelSymbols, { sends, receives }: HookSets): readonly string[] {
  if (symbols.hasTracepoint("sock_send_length") && symbols.hasTracepoint("sock_recv_length")) return UNIX_PROGRAMS.a;
  const hasFunctions = symbols.hasFunction("unix_stream_sendmsg") && symbols.hasFunction("unix_stream_recvmsg");
  return hasFunctions && sends === "b" && receives === "b" ? UNIX_PROGRAMS.b : [];
}

/** The fields of trace_conf. */
export function unixConf(programs: readonly string[], { receives }: HookSets) {
  if (programs.length === 0) return { unixSockets: UnixSockets.off, unixSalt: 0 };
  return {
    unixSockets: receives === "a" ? UnixSockets.on : UnixSockets.alone,
    unixSalt: saltOf(readFileSync("/proc/sys/kernel/random/boot_id", "latin1")),
  };
}

/** Equal for all who look at this host until it boots again. */
export function saltOf(bootId: string): number {
  return Number(createHash("sha256").update(bootId.trim()).digest().readBigUInt64LE() >> 12n);
}

/** @param connections how many there are before the programs are loaded */
export function earlierCapacity(connections: number): number {
  return 2 * connections + ROOM;
}

/**
 * Tells the attached programs which connections are older than they are.
 *
 * @returns false where there are too many of them: all are taken for such then
 */
export function markEarlier(map: BpfMap, inodes: ReadonlySet<number>): boolean {
  if (inodes.size >= map.descriptor.maxEntries) return false;
  map.setBatch(
    new Uint8Array(BigUint64Array.from(inodes, BigInt).buffer),
    new Uint8Array(new Uint32Array(inodes.size).buffer),
  );
  map.set(keyU64(LIST_IS_COMPLETE), keyU32(1));
  return true;
}
