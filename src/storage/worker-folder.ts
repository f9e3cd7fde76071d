/** A folder for a process that is about to become another user, opened while it may still do so. */
import { closeSync, constants, fchmodSync, fchownSync, fstatSync, mkdirSync, openSync, readdirSync } from "node:fs";

export interface FolderOwner {
  readonly uid: number;
  readonly gid: number;
}

const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const FOLDER_MODE = 0o700;
const FILE_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A folder that stays open; its path leads there by the descriptor. */
export interface OpenFolder {
  readonly fd: number;
  /**
   * Under /proc/self/fd: a process may follow its own descriptors whoever it has become (proc_fd_permission and
   * ptrace_may_access of the same thread group), so that the folders above need not let that user through.
   */
  readonly path: string;
}

/**
 * Makes the folder where there is none, and gives it to `owner` with the files in it, which an earlier user may have
 * written. @throws Error of the file system
 */
export function openFolderFor(path: string, owner: FolderOwner | undefined): OpenFolder {
  try {
    mkdirSync(path, { mode: FOLDER_MODE });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const fd = openSync(path, FOLDER_FLAGS);
  try {
    if (owner !== undefined) give(fd, owner);
    return { fd, path: `/proc/self/fd/${fd}` };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function give(folderFd: number, owner: FolderOwner): void {
  const { uid, gid, mode } = fstatSync(folderFd);
  // First, and only where it has to be: of another's folder it takes CAP_FOWNER, which a service need not have.
  if ((mode & 0o777) !== FOLDER_MODE) fchmodSync(folderFd, FOLDER_MODE);
  if (uid !== owner.uid || gid !== owner.gid) {
    // Files first: as long as the folder is not the new owner's, they can't put other names there.
    const folder = `/proc/self/fd/${folderFd}`;
    for (const name of readdirSync(folder)) giveFile(`${folder}/${name}`, uid, owner);
    fchownSync(folderFd, owner.uid, owner.gid);
  }
}

/** Of the folder's earlier owner only, and with one name: another may have been put there to be given away. */
function giveFile(path: string, earlierUid: number, owner: FolderOwner): void {
  let fd: number;
  try {
    fd = openSync(path, FILE_FLAGS);
  } catch {
    // A link, a socket, or gone.
    return;
  }
  try {
    const stats = fstatSync(fd);
    if (stats.isFile() && stats.nlink === 1 && stats.uid === earlierUid) fchownSync(fd, owner.uid, owner.gid);
  } finally {
    closeSync(fd);
  }
}
