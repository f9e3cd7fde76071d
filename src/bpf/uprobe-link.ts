/**
 * Uprobes as links of their own (BPF_TRACE_UPROBE_MULTI). One that is closed waits for no lock that others need, where a perf
 * event holds event_mutex for two grace periods (perf_uprobe_destroy, kernel/trace/trace_event_perf.c), so many are closed at once.
 * They came with Linux 6.6 (89ae89f53d20), tell all threads of a process since 6.10 (46ba0e49b642), and end together since 6.12
 * (04b01625da13).
 */
import { close } from "node:fs";
import { promisify } from "node:util";
import { BpfError } from "./error.ts";
import { addressOf, errno, libc } from "./libbpf.ts";

/** The first kernel, major and minor, on which they are better than perf events. */
export const UPROBE_LINKS_SINCE = [6, 12] as const;
export const BPF_TRACE_UPROBE_MULTI = 48;

/** x86-64: arch/x86/entry/syscalls/syscall_64.tbl */
const SYS_BPF = 321n;
const BPF_LINK_CREATE = 28n;
const BPF_F_UPROBE_MULTI_RETURN = 1;
/** Of union bpf_attr, as far as link_create.uprobe_multi goes (include/uapi/linux/bpf.h). */
const ATTRIBUTES_SIZE_BYTES = 64;

interface UprobeTarget {
  readonly tgid: number;
  /** Of the file. */
  readonly path: string;
  /** Of an instruction's first byte in the file. */
  readonly offset: number;
  /** When the function there returns. */
  readonly isReturn: boolean;
}

/**
 * @param programFd of a program that was loaded for BPF_TRACE_UPROBE_MULTI
 * @returns a descriptor: the place is told until it is closed
 * @throws BpfError
 */
export function linkUprobe(program: string, programFd: number, { tgid, path, offset, isReturn }: UprobeTarget): number {
  const pathBytes = Buffer.from(`${path}\0`);
  const offsets = new BigUint64Array([BigInt(offset)]);
  const attributes = new DataView(new ArrayBuffer(ATTRIBUTES_SIZE_BYTES));
  attributes.setUint32(0, programFd, true);
  attributes.setUint32(8, BPF_TRACE_UPROBE_MULTI, true);
  attributes.setBigUint64(16, addressOf(pathBytes), true);
  attributes.setBigUint64(24, addressOf(new Uint8Array(offsets.buffer)), true);
  attributes.setUint32(48, 1, true);
  attributes.setUint32(52, isReturn ? BPF_F_UPROBE_MULTI_RETURN : 0, true);
  attributes.setUint32(56, tgid, true);
  const bytes = new Uint8Array(attributes.buffer);
  const fd = libc().syscallBpf(SYS_BPF, BPF_LINK_CREATE, bytes, BigInt(bytes.length));
  // koffi sees only numbers in the attributes: what they point to must outlive the call.
  const isHeld = pathBytes.length > 0 && offsets.length > 0;
  if (fd < 0 || !isHeld) throw new BpfError(`attach ${program} to process ${tgid}`, errno());
  return fd;
}

/** On another thread: it waits until no processor is in the program. */
export const unlinkUprobe: (fd: number) => Promise<void> = promisify(close);
