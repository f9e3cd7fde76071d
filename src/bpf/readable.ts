/** Blocks the calling thread until a descriptor is readable or time is up. For threads that do nothing else. */
import { libc } from "./libbpf.ts";

const POLLIN = 1;

/** @param fd undefined: only sleeps @returns whether it became readable */
export function waitReadable(fd: number | undefined, timeoutMs: number): boolean {
  if (fd === undefined) return libc().poll(null, 0, timeoutMs) > 0;
  // struct pollfd { int fd; short events, revents; }
  const descriptor = new Int32Array([fd, POLLIN]);
  return libc().poll(new Uint8Array(descriptor.buffer), 1, timeoutMs) > 0;
}
