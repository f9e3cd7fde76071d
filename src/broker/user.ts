/** Who the worker becomes. */
import { readFileSync } from "node:fs";
import type { UnprivilegedUser } from "../ipc/drop-privileges.ts";
import { UnknownUserError } from "./error.ts";

const DEFAULT_USER = "nobody";

/**
 * @param user a name of /etc/passwd, or `uid:gid` @param passwd the file's text
 * @throws UnknownUserError, also for root: that would be no drop
 */
export function resolveUser(user: string, passwd = readPasswd()): UnprivilegedUser {
  const numbers = /^(\d+):(\d+)$/.exec(user);
  if (numbers !== null) return checked(user, Number(numbers[1]), Number(numbers[2]));
  for (const line of passwd.split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (name === user) return checked(user, Number(uid), Number(gid));
  }
  // A minimal container image has no passwd file; the kernel's overflow ids are nobody's everywhere.
  if (user === DEFAULT_USER) return { uid: 65_534, gid: 65_534 };
  throw new UnknownUserError(user);
}

function checked(user: string, uid: number, gid: number): UnprivilegedUser {
  if (!(uid > 0) || !(gid > 0)) throw new UnknownUserError(user);
  return { uid, gid };
}

function readPasswd(): string {
  try {
    return readFileSync("/etc/passwd", "utf8");
  } catch {
    return "";
  }
}
