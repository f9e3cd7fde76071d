/** At the leaf of what was taken at a tracepoint of the scheduler is our own program, and how it was called. */
import type { Frame } from "../profile.ts";

/** kernel/trace/bpf_trace.c, include/trace/bpf_probe.h, include/linux/tracepoint.h; bpf_prog_TAG_NAME: kernel/bpf/core.c. */
const OF_PROBE =
  /^(?:bpf_prog_[\da-f]+_trace_sched_|bpf_trace_run\d|bpf_get_stack|__bpf_trace_|__traceiter_|bpf_trampoline_|__bpf_prog_)/;

/** @param stack the leaf first. Equal arguments give the same array */
export function withoutProbe(stack: readonly Frame[]): readonly Frame[] {
  let rest = known.get(stack);
  if (rest === undefined) {
    const first = stack.findIndex((frame) => !isOfProbe(frame));
    rest = first > 0 ? stack.slice(first) : stack;
    known.set(stack, rest);
  }
  return rest;
}

const known = new WeakMap<readonly Frame[], readonly Frame[]>();

function isOfProbe({ type, lines }: Frame): boolean {
  return type === "kernel" && lines.length > 0 && OF_PROBE.test(lines.at(-1)!.functionName);
}
