/**
 * The name that a container runtime gave a container, from the state that the runtime keeps on this host.
 * Without zod: the reader process stays small.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { containerId } from "../../ipc/container-id.ts";

const STATE_LIMIT_BYTES = 1024 * 1024;
const CACHE_LIMIT = 4096;

const PLACES: readonly { readonly path: (id: string) => string; readonly name: (state: unknown) => unknown }[] = [
  {
    path: (id) => `/var/lib/docker/containers/${id}/config.v2.json`,
    name: (state) => field(state, "Name"),
  },
  {
    // config.json of the OCI runtime specification; CRI runtimes put the pod's words into annotations.
    path: (id) => `/run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/config.json`,
    name: (state) => field(field(state, "annotations"), "io.kubernetes.cri.container-name"),
  },
];

function field(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

export class ContainerNameReader {
  readonly #known = new Map<string, string | undefined>();

  read(cgroupPath: string | undefined): string | undefined {
    const id = containerId(cgroupPath);
    if (id === undefined) return undefined;
    if (this.#known.has(id)) return this.#known.get(id);
    if (this.#known.size >= CACHE_LIMIT) this.#known.clear();
    const name = findName(id);
    this.#known.set(id, name);
    return name;
  }
}

function findName(id: string): string | undefined {
  for (const { path, name } of PLACES) {
    const found = name(readJson(path(id)));
    if (typeof found === "string" && found !== "") return found.replace(/^\//, "");
  }
  return undefined;
}

function readJson(path: string): unknown {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    const buffer = Buffer.alloc(STATE_LIMIT_BYTES);
    return JSON.parse(buffer.toString("utf8", 0, readSync(fd, buffer, 0, buffer.length, 0)));
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}
