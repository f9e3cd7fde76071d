/** Reads one process's facts from /proc. Runs in the reader process only: any of these reads may hang. */
import { closeSync, openSync, readFileSync, readlinkSync, readSync } from "node:fs";
import type { ProcessFacts } from "../../ipc/process-facts.ts";
import { ContainerNameReader } from "./container-name.ts";
import { GoVersionReader } from "./go-version.ts";

const COMMAND_LINE_LIMIT_BYTES = 8192;
const ARGUMENT_LIMIT = 64;
const ENVIRONMENT_LIMIT_BYTES = 256 * 1024;
const DELETED_SUFFIX = " (deleted)";

export class ProcFactsReader {
  readonly #procRoot: string;
  readonly #goVersions = new GoVersionReader();
  readonly #containerNames = new ContainerNameReader();

  constructor(procRoot = "/proc") {
    this.#procRoot = procRoot;
  }

  /** undefined: there is no such process any more. */
  read(tgid: number): ProcessFacts | undefined {
    const folder = `${this.#procRoot}/${tgid}`;
    const stat = parseStat(readText(`${folder}/stat`));
    if (stat === undefined) return undefined;
    const cgroupPath = parseCgroup(readText(`${folder}/cgroup`));
    const executablePath = withoutDeleted(readLink(`${folder}/exe`));
    return {
      tgid,
      ...stat,
      executablePath,
      commandLine: splitNul(readBounded(`${folder}/cmdline`, COMMAND_LINE_LIMIT_BYTES)).slice(0, ARGUMENT_LIMIT),
      workingDirectory: readLink(`${folder}/cwd`),
      environment: parseEnvironment(readBounded(`${folder}/environ`, ENVIRONMENT_LIMIT_BYTES)),
      cgroupPath,
      containerName: this.#containerNames.read(cgroupPath),
      pidNamespace: namespaceInode(readLink(`${folder}/ns/pid`)),
      networkNamespace: namespaceInode(readLink(`${folder}/ns/net`)),
      goVersion: executablePath === undefined ? undefined : this.#goVersions.read(`${folder}/exe`),
    };
  }
}

interface StatFields {
  readonly comm: string;
  readonly parentTgid: number;
  readonly startTimeTicks: number;
}

/** proc_pid_stat(5). The command may hold spaces and brackets: it ends at the last one. */
export function parseStat(text: string): StatFields | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0 || close < open) return undefined;
  const rest = text.slice(close + 2).split(" ");
  // rest[0] is field 3, the state.
  const parentTgid = Number(rest[1]);
  const startTimeTicks = Number(rest[19]);
  if (!Number.isSafeInteger(parentTgid) || !Number.isSafeInteger(startTimeTicks)) return undefined;
  return { comm: text.slice(open + 1, close), parentTgid, startTimeTicks };
}

/** The unified hierarchy's path, else the one of systemd's own hierarchy (cgroups(7)). */
export function parseCgroup(text: string): string | undefined {
  let legacy: string | undefined;
  for (const line of text.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    if (controllers === "" && path !== "/") return path;
    if (controllers === "name=systemd" || legacy === undefined) legacy = path;
  }
  return legacy;
}

export function parseEnvironment(bytes: Uint8Array): ProcessFacts["environment"] {
  const environment: ProcessFacts["environment"] = {};
  for (const entry of splitNul(bytes)) {
    const equals = entry.indexOf("=");
    const key = entry.slice(0, equals);
    if (key === "OTEL_SERVICE_NAME" || key === "OTEL_RESOURCE_ATTRIBUTES") environment[key] = entry.slice(equals + 1);
  }
  return environment;
}

function splitNul(bytes: Uint8Array): string[] {
  const parts = Buffer.from(bytes).toString("utf8").split("\0");
  if (parts.at(-1) === "") parts.pop();
  return parts;
}

function withoutDeleted(path: string | undefined): string | undefined {
  return path?.endsWith(DELETED_SUFFIX) ? path.slice(0, -DELETED_SUFFIX.length) : path;
}

/** `net:[4026531840]` */
function namespaceInode(link: string | undefined): number | undefined {
  const inode = Number(/\[(\d+)\]$/.exec(link ?? "")?.[1]);
  return Number.isSafeInteger(inode) ? inode : undefined;
}

/** A file of /proc that is small by nature; "" where it is gone or forbidden. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

const scratch = new Uint8Array(ENVIRONMENT_LIMIT_BYTES);

/** The bytes are valid until the next call. */
function readBounded(path: string, limitBytes: number): Uint8Array {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return new Uint8Array(0);
  }
  try {
    let length = 0;
    while (length < limitBytes) {
      const got = readSync(fd, scratch, length, limitBytes - length, null);
      if (got === 0) break;
      length += got;
    }
    return scratch.subarray(0, length);
  } catch {
    return new Uint8Array(0);
  } finally {
    closeSync(fd);
  }
}
