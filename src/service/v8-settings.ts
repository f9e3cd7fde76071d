/** V8's flags are the process's: what the main thread's heap is given, every other thread's would have too. */
import { setFlagsFromString } from "node:v8";

/**
 * Bytes of bytecode that run before a function is worth the optimiser's time, eight times V8's own. What runs for each span is
 * optimised within the first second all the same; what runs for each sample, a few hundred times a second, would cost more CPU time
 * to optimise in minutes than it takes.
 */
const INTERRUPT_BUDGET_BYTES = 8 * 132 * 1024;

/**
 * For the threads that start from now on: a thread's heap is what its `resourceLimits` say (Heap::ConfigureHeap asks the flags first). The
 * main thread has its own already. A flag that this V8 does not know is passed over.
 */
export function setThreadFlags(): void {
  const flags = [
    "--min-semi-space-size=0",
    "--max-semi-space-size=0",
    `--interrupt-budget=${INTERRUPT_BUDGET_BYTES}`,
    // Of a heap that has calmed down, not up to three times in a row (MemoryReducer::NotifyTimer): the second finds next to nothing.
    "--memory-reducer-single-gc",
  ];
  for (const flag of flags) setFlagsFromString(flag);
}

/**
 * Young objects get no more room than they have, for a process that allocates little once it has started
 * (NewSpace::Grow asks the flag each time).
 */
export function keepNurserySmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}
