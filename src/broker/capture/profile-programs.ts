/** Which programs of perf_profiler.bpf.o a configuration needs. */

export const CLOCK_PROGRAM = "sample_cpu";
const PROCESS_PROGRAMS: readonly string[] = [
  "trace_sched_process_fork",
  "trace_sched_process_exec",
  "trace_sched_process_exit",
];
const WAIT_PROGRAMS: readonly string[] = ["trace_sched_switch", "trace_sched_waking"];

/** @param hasWaits samples off the CPU are wanted too */
export function profilePrograms(hasWaits: boolean): readonly string[] {
  return [CLOCK_PROGRAM, ...PROCESS_PROGRAMS, ...(hasWaits ? WAIT_PROGRAMS : [])];
}
