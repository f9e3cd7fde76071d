/**
 * The C library's heap in the processes beside the first. Tables of symbols are megabytes that live for moments: without a fixed
 * threshold the first of them that is freed makes glibc keep all later ones in its heap (mallopt(3), M_MMAP_THRESHOLD), and each
 * thread would have a heap of its own.
 */
export function heapEnvironment(): NodeJS.ProcessEnv {
  return {
    MALLOC_ARENA_MAX: "2",
    MALLOC_MMAP_THRESHOLD_: "131072",
    MALLOC_TRIM_THRESHOLD_: "262144",
    ...process.env,
  };
}
