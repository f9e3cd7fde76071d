/** A folder for this process alone, made while it is root for the user that it becomes. */
import { chmodSync, chownSync, mkdirSync } from "node:fs";

export interface UnprivilegedUser {
  readonly uid: number;
  readonly gid: number;
}

export function makePrivateFolder(path: string, user: UnprivilegedUser | undefined): void {
  const made = mkdirSync(path, { recursive: true, mode: 0o700 });
  // A folder that was there before keeps its owner: it may be shared, and giving it away is not ours to do.
  if (made === undefined || user === undefined || process.getuid?.() !== 0) return;
  chownSync(path, user.uid, user.gid);
  chmodSync(path, 0o700);
}
