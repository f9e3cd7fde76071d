/** How Node runs the processes beside the first; benches run as the worker does. */

/**
 * Spans live for moments: a nursery that holds most of a second of them keeps them from being copied. It grows to that as they come
 * (NewSpace::Grow), so that a host where little happens does not pay for it. One thread collects: a parallel collector would take
 * the processors that the traced programs use. No object begins old: V8 makes old what survived while the process was young
 * (PretenuringHandler), and is not told of its mistake where all that is made at a place dies later on. Half of all that spans
 * are made of would then be left to the collection of the whole heap. That heap may grow to twice of what lives, not to four times (V8's
 * MemoryController at its quickest): at 10 000 spans/s it is collected every few seconds, in about 50 ms.
 */
export const WORKER_NODE_ARGUMENTS: readonly string[] = [
  "--single-threaded-gc",
  "--min-semi-space-size=2",
  "--max-semi-space-size=8",
  "--heap-growing-percent=100",
  "--no-allocation-site-pretenuring",
];
