/** openat2(2): a path that is resolved within a folder, whatever symbolic links a stranger has put there. */
import { errno, libc } from "./libbpf.ts";

/** The same number on every architecture that we run on (asm-generic/unistd.h). */
const SYS_OPENAT2 = 437n;
const O_PATH = 0o10000000n;
const O_CLOEXEC = 0o2000000n;
const O_NOFOLLOW = 0o400000n;
/** linux/openat2.h */
const RESOLVE_NO_MAGICLINKS = 0x02n;
const RESOLVE_NO_SYMLINKS = 0x04n;
const RESOLVE_IN_ROOT = 0x10n;

interface OpenInRootOptions {
  /** A symbolic link anywhere in the path is refused; otherwise links lead to where the root's own processes are led. */
  readonly allowsLinks: boolean;
}

/**
 * A descriptor that only names the file (O_PATH): nothing is opened yet, so that a FIFO or a device has no say.
 * @param rootFd descriptor of the folder that counts as /
 * @returns a negative errno when there is no such file
 */
export function openInRoot(rootFd: number, path: string, { allowsLinks }: OpenInRootOptions): number {
  const how = new BigUint64Array([
    O_PATH | O_CLOEXEC | (allowsLinks ? 0n : O_NOFOLLOW),
    0n,
    RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (allowsLinks ? 0n : RESOLVE_NO_SYMLINKS),
  ]);
  const fd = libc().syscallOpen(SYS_OPENAT2, rootFd, path, how, BigInt(how.byteLength));
  return fd < 0 ? -errno() : fd;
}
