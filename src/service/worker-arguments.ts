/** How Node runs the processes beside the first; benches run as the worker does. */

/**
 * Spans live for moments: a nursery that holds a second of them keeps them from being copied. It grows to that as they come
 * (NewSpace::Grow), so that a host where little happens does not pay for it. One thread collects: a parallel collector would take
 * the processors that the traced programs use. No object begins old: V8 makes old what survived while the process was young
 * (PretenuringHandler), and is not told of its mistake where all that is made at a place dies later on. Half of all that spans
 * are made of would then be left to the collection of the whole heap.
 */
export const WORKER_NODE_ARGUMENTS: readonly string[] = [
  "--single-threaded-gc",
  "--min-semi-space-size=2",
  "--max-semi-space-size=16",
  "--no-allocation-site-pretenuring",
];
