/** Which container a process is in, by its cgroup. */
const CONTAINER_ID = /(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?:$|\/)/;

/** Docker, containerd, CRI-O and podman all put the id into the cgroup's name. */
export function containerId(cgroupPath: string | undefined): string | undefined {
  return cgroupPath === undefined ? undefined : CONTAINER_ID.exec(cgroupPath)?.[1];
}
