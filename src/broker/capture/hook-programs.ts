/** Which programs of socket_trace.bpf.o make up a choice of hook sets. */
import type { HookSet, KernelSymbols } from "../../bpf/feature.ts";

export interface HookSets {
  readonly sends: HookSet;
  readonly receives: HookSet;
}

/** Life of connections and of processes: with every choice. */
const ALWAYS: readonly string[] = [
  "trace_inet_sock_set_state",
  "trace_sched_process_fork",
  "trace_sched_process_exec",
  "trace_sched_process_exit",
];

/** Reads and writes of files: where the configuration asks for them. */
export const IO_PROGRAMS: readonly string[] = ["io_sys_enter", "io_sys_exit"];

/** Loaded with the others, and attached only while a process needs it. */
export const WAKE_PROGRAM = "trace_sched_waking";

/** AF_UNIX streams: the tracepoints of the socket layer, whatever the hook sets; else with set b. */
export const UNIX_PROGRAMS: Record<"a" | "b", readonly string[]> = {
  a: ["trace_sock_send_length", "trace_sock_recv_length"],
  b: ["exit_unix_stream_sendmsg", "exit_unix_stream_recvmsg"],
};

const SENDS: Record<HookSet, readonly string[]> = {
  a: ["trace_tcp_sendmsg_locked", "trace_sock_send_length"],
  b: ["enter_tcp_sendmsg_locked", "enter_udp_sendmsg", "enter_udpv6_sendmsg"],
  c: ["trace_sys_enter"],
};

const RECEIVES: Record<HookSet, readonly string[]> = {
  a: ["trace_sock_recv_length"],
  b: ["exit_tcp_recvmsg", "exit_udp_recvmsg", "exit_udpv6_recvmsg"],
  c: ["trace_sys_exit"],
};

/** @param hasCast the kernel has bpf_rdonly_cast (6.2); before it hook set c looks by probe reads */
export function programsOf(sends: HookSet, receives: HookSet, hasCast = true): readonly string[] {
  const programs = [...ALWAYS, ...SENDS[sends], ...RECEIVES[receives]];
  return hasCast ? programs : programs.map((name) => name.replace(/^trace_sys_\w+$/, "$&_probe"));
}

/**
 * Whether this kernel has what the program attaches to: where IPv6 is a module, its functions are not in BTF.
 *
 * @param section of ELF: `fentry/udpv6_sendmsg`
 */
export function isAttachable(section: string, symbols: KernelSymbols): boolean {
  const [, kind, target] = /^(tp_btf|fentry|fexit)\/(\w+)$/.exec(section) ?? [];
  if (target === undefined) return true;
  return kind === "tp_btf" ? symbols.hasTracepoint(target) : symbols.hasFunction(target);
}
