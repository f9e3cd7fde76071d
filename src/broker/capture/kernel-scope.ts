/** Which processes the programs look at: the configured scope in the kernel's terms. */
import { readFileSync, readlinkSync, statSync } from "node:fs";
import { UnsupportedFeatureError } from "../../bpf/error.ts";
import { ScopeKind } from "../../bpf/layout.gen.ts";
import type { ProcessScope } from "../../ipc/process-selection.ts";

/** PROC_PID_INIT_INO and PROC_CGROUP_INIT_INO of include/linux/proc_ns.h. */
const INITIAL_PID_NAMESPACE_INODE = 0xeffffffc;
const INITIAL_CGROUP_NAMESPACE_INODE = 0xeffffffb;

interface ScopeConf {
  readonly scope: ScopeKind;
  readonly pidNamespaceDevice: number;
  readonly pidNamespaceInode: number;
  readonly cgroupId: number;
  readonly cgroupLevel: number;
}

/** @throws UnsupportedFeatureError for a cgroup that can't be named from here */
export function scopeConf(scope: ProcessScope): ScopeConf {
  const { dev, ino } = statSync("/proc/self/ns/pid");
  const isHostNamespace = ino === INITIAL_PID_NAMESPACE_INODE;
  const isOwnNamespaceOnly = scope === "pid_namespace" || (scope !== "host" && !isHostNamespace);
  return {
    scope: isOwnNamespaceOnly ? ScopeKind.pidNamespace : ScopeKind.host,
    pidNamespaceDevice: kernelDevice(dev),
    pidNamespaceInode: ino,
    ...(scope === "cgroup" ? ownCgroup() : { cgroupId: 0, cgroupLevel: 0 }),
  };
}

/** stat(2) packs major and minor otherwise than the kernel's dev_t (new_encode_dev in include/linux/kdev_t.h). */
function kernelDevice(device: number): number {
  const major = (device >>> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00);
  return major * 2 ** 20 + minor;
}

function ownCgroup(): { cgroupId: number; cgroupLevel: number } {
  const path = /^0::(\/.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
  const namespace = Number(/\[(\d+)\]/.exec(readlinkSync("/proc/self/ns/cgroup"))?.[1]);
  if (path === undefined) throw new UnsupportedFeatureError("cgroup version 2", "scope: cgroup can't be told");
  if (namespace !== INITIAL_CGROUP_NAMESPACE_INODE) {
    throw new UnsupportedFeatureError("the host's cgroup namespace", "scope: cgroup can't be told from inside another");
  }
  const mount = cgroup2Mount(readFileSync("/proc/self/mountinfo", "utf8"));
  if (mount === undefined) throw new UnsupportedFeatureError("cgroup version 2", "scope: cgroup can't be told");
  const { ino } = statSync(`${mount}${path}`);
  return { cgroupId: ino, cgroupLevel: path.split("/").filter((part) => part !== "").length };
}

/** Where version 2 is mounted: beside version 1 it is not /sys/fs/cgroup itself. @param mountinfo proc(5) */
export function cgroup2Mount(mountinfo: string): string | undefined {
  for (const line of mountinfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    if (!after.startsWith("cgroup2 ")) continue;
    return before
      .split(" ")[4]
      ?.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  }
  return undefined;
}
