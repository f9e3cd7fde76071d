/** AF_UNIX connections that are there already: how many bytes have gone over them, the kernel does not keep. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const STREAM = "0001";
const CONNECTED = "03";

/**
 * Inodes of the connected AF_UNIX streams of each network namespace that has a process. Each list is read twice: one
 * that loses an entry while it is read may pass over another.
 */
export function unixConnections(): Set<number> {
  const inodes = new Set<number>();
  for (const pid of onePerNetworkNamespace()) {
    for (let pass = 0; pass < 2; pass++) {
      const list = readOr(`/proc/${pid}/net/unix`);
      for (const inode of connectedInodes(list)) inodes.add(inode);
    }
  }
  return inodes;
}

/** @param list /proc/net/unix: Num, RefCount, Protocol, Flags, Type, St, Inode, and the path if there is one */
export function connectedInodes(list: string): number[] {
  const inodes: number[] = [];
  for (const line of list.split("\n")) {
    const [, , , , type, state, inode] = line.trim().split(/\s+/, 7);
    // One that nobody has accepted yet has no inode, and nobody has read from it.
    if (type === STREAM && state === CONNECTED && Number(inode) > 0) inodes.push(Number(inode));
  }
  return inodes;
}

function onePerNetworkNamespace(): string[] {
  const pids = new Map<string, string>();
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const namespace = readlinkSync(`/proc/${pid}/ns/net`);
      if (!pids.has(namespace)) pids.set(namespace, pid);
    } catch {
      // It has ended, or is not ours to look at: nor are its sockets.
    }
  }
  return [...pids.values()];
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
