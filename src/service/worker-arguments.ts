/** How Node runs the processes beside the first; benches run as the worker does. */

/**
 * Spans live for moments: a nursery that holds a second of them keeps them from being copied. One thread collects: a
 * parallel collector would take the processors that the traced programs use.
 */
export const WORKER_NODE_ARGUMENTS: readonly string[] = [
  "--single-threaded-gc",
  "--min-semi-space-size=16",
  "--max-semi-space-size=16",
];
