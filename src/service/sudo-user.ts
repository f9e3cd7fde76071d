/** Who is behind sudo: files that the configuration names are theirs. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

export function sudoUser(environment: Readonly<Record<string, string | undefined>>): FileOwner | undefined {
  const [uid, gid] = [Number(environment["SUDO_UID"]), Number(environment["SUDO_GID"])];
  return Number.isSafeInteger(uid) && Number.isSafeInteger(gid) && uid > 0 ? { uid, gid } : undefined;
}
