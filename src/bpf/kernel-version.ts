/** Which Linux runs: for what can't be asked of a kernel otherwise. */
import { release } from "node:os";

/** @param version of uname: `5.15.0-91-generic` */
export function isKernelBefore(major: number, minor: number, version = release()): boolean {
  const [, a, b] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(a) < major || (Number(a) === major && Number(b) < minor);
}
