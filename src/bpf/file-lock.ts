/** flock(2), which Node does not have. */
import { errno, libc } from "./libbpf.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;
/** The same on every architecture that we run on (asm-generic/errno-base.h). */
const EWOULDBLOCK = 11;
const EINTR = 4;

/**
 * The lock goes with the last descriptor of the open file: also when the process is killed.
 * @returns false when another open file holds it @throws Error where the file system knows no locks
 */
export function tryLock(fd: number): boolean {
  if (libc().flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const code = errno();
  if (code === EWOULDBLOCK || code === EINTR) return false;
  throw new Error(`flock: errno ${code}`);
}
