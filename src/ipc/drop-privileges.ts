/** From root to an ordinary user, for ever, in every thread of this process. */
import { libc } from "../bpf/libbpf.ts";
import { PrivilegeDropError } from "./error.ts";

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

export interface UnprivilegedUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Call it when all code is loaded (files may be out of reach afterwards) and worker threads run: the C library changes
 * every thread (nptl setxid), and leaving uid 0 clears all capabilities (capabilities(7), "Effect of user ID changes").
 *
 * @param parentPid the broker: when it dies, the kernel kills this process, however busy it is
 * @throws PrivilegeDropError
 */
export function dropPrivileges(user: UnprivilegedUser | undefined, parentPid: number): void {
  if (user !== undefined && process.getuid?.() === 0) {
    try {
      process.setgroups?.([]);
      process.setgid?.(user.gid);
      process.setuid?.(user.uid);
    } catch (cause) {
      throw new PrivilegeDropError(String(cause), { cause });
    }
    if (canBecomeRoot()) throw new PrivilegeDropError("it can still become root");
  }
  // After the change of user, since that clears it (commit_creds in kernel/cred.c).
  libc().prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (process.ppid !== parentPid) process.exit(1);
}

function canBecomeRoot(): boolean {
  if (process.getuid?.() === 0 || process.geteuid?.() === 0) return true;
  try {
    process.setuid?.(0);
    return true;
  } catch {
    return false;
  }
}
