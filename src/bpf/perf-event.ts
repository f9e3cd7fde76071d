/** Clocks of perf_event_open(2): what makes a program run some times a second on each CPU. */
import { BpfError, PerfEventRefusedError } from "./error.ts";
import { errno, libc } from "./libbpf.ts";

/** x86-64: arch/x86/entry/syscalls/syscall_64.tbl */
const SYS_PERF_EVENT_OPEN = 298;
const PERF_TYPE_HARDWARE = 0;
const PERF_TYPE_SOFTWARE = 1;
const PERF_COUNT_HW_CPU_CYCLES = 0;
const PERF_COUNT_SW_CPU_CLOCK = 0;
const PERF_FLAG_FD_CLOEXEC = 8;
/** Bits of struct perf_event_attr behind read_format (include/uapi/linux/perf_event.h). */
const EXCLUDE_IDLE = 1n << 7n;
const FREQUENCY = 1n << 10n;
/** PERF_ATTR_SIZE_VER0 */
const ATTRIBUTES_SIZE_BYTES = 64;

const [EPERM, EACCES, ENODEV] = [1, 13, 19];

export const PerfClock = { cycles: "cycles", cpuClock: "cpu_clock" } as const;
export type PerfClock = (typeof PerfClock)[keyof typeof PerfClock];

/**
 * Of everything that runs on one CPU, but its idle thread.
 *
 * @returns a descriptor; undefined: the CPU is offline
 * @throws BpfError when there is no such clock, PerfEventRefusedError
 */
export function openPerfClock(clock: PerfClock, cpu: number, hz: number): number | undefined {
  const attributes = new DataView(new ArrayBuffer(ATTRIBUTES_SIZE_BYTES));
  const isSoftware = clock === PerfClock.cpuClock;
  attributes.setUint32(0, isSoftware ? PERF_TYPE_SOFTWARE : PERF_TYPE_HARDWARE, true);
  attributes.setUint32(4, ATTRIBUTES_SIZE_BYTES, true);
  attributes.setBigUint64(8, BigInt(isSoftware ? PERF_COUNT_SW_CPU_CLOCK : PERF_COUNT_HW_CPU_CYCLES), true);
  // The software clock counts nanoseconds, so its period is exact; cycles vary, so the kernel adapts theirs.
  attributes.setBigUint64(16, BigInt(isSoftware ? Math.round(1e9 / hz) : hz), true);
  attributes.setBigUint64(40, EXCLUDE_IDLE | (isSoftware ? 0n : FREQUENCY), true);
  const bytes = new Uint8Array(attributes.buffer);
  const fd = libc().syscallPerfEventOpen(SYS_PERF_EVENT_OPEN, bytes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd >= 0) return fd;
  const reason = errno();
  if (reason === ENODEV) return undefined;
  if (reason === EPERM || reason === EACCES) throw new PerfEventRefusedError(cpu);
  throw new BpfError(`perf_event_open of ${clock} on CPU ${cpu}`, reason);
}
