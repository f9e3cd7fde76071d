/** The name that a container runtime gave a container, from the state that the runtime keeps on this host. */
import { closeSync, openSync, readSync } from "node:fs";
import { z } from "zod";
import { containerId } from "../ipc/container-id.ts";

const STATE_LIMIT_BYTES = 1024 * 1024;
const CACHE_LIMIT = 4096;

const dockerState = z.object({ Name: z.string() }).transform(({ Name }) => Name.replace(/^\//, ""));
/** config.json of the OCI runtime specification; CRI runtimes put the pod's words into annotations. */
const criState = z
  .object({ annotations: z.object({ "io.kubernetes.cri.container-name": z.string() }) })
  .transform(({ annotations }) => annotations["io.kubernetes.cri.container-name"]);

const PLACES: readonly [(id: string) => string, z.ZodType<string>][] = [
  [(id) => `/var/lib/docker/containers/${id}/config.v2.json`, dockerState],
  [(id) => `/run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/config.json`, criState],
];

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
  for (const [path, state] of PLACES) {
    const parsed = state.safeParse(readJson(path(id)));
    if (parsed.success && parsed.data !== "") return parsed.data;
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
