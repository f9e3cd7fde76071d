/** A process's facts to the resource of its spans. Pure; values come from the traced process and are bounded here. */
import { createHash } from "node:crypto";
import { containerId } from "../ipc/container-id.ts";
import type { ProcessFacts } from "../ipc/process-facts.ts";
import type { Attribute, AttributeValue, Resource } from "../mapping/span.ts";
import { programName, systemdUnit } from "./service-name.ts";

const VALUE_LIMIT_CHARACTERS = 512;
const FOREIGN_ATTRIBUTE_LIMIT = 64;
/** task->comm without its NUL. */
const COMM_CHARACTERS = 15;

/** What is the same for all processes of a host. */
export interface HostFacts {
  readonly hostName: string;
  readonly bootId: string;
  readonly version: string;
  /** Our own cgroup: a container or unit that we share with a process does not tell the process from others. */
  readonly ownCgroupPath: string | undefined;
}

/** Facts, or what is left of them when the process was gone before /proc could be read. */
export type KnownFacts = Pick<ProcessFacts, "tgid" | "startTimeTicks" | "commandLine" | "environment" | "comm"> &
  Partial<ProcessFacts>;

/** telemetry.sdk.language, by executable. */
const LANGUAGES: readonly [RegExp, string][] = [
  [/^(?:node|nodejs|bun|deno)$/, "nodejs"],
  [/^(?:python|pypy)/, "python"],
  [/^java$/, "java"],
  [/^(?:ruby|puma)/, "ruby"],
  [/^php/, "php"],
  [/^dotnet$/, "dotnet"],
  [/^beam/, "erlang"],
];

/**
 * Of what an SDK publishes: who made the data is us, and the process's number is the one that its spans and samples have
 * from the kernel; its own may be of another pid namespace.
 */
const OURS = /^(?:telemetry\.|process\.pid$)/;

/** @param published by an SDK in the process, for everybody who looks at it (OTEP 4719): it wins */
export function processResource(facts: KnownFacts, host: HostFacts, published: readonly Attribute[] = []): Resource {
  const executablePath = facts.executablePath;
  const executableName = baseName(executablePath ?? facts.comm);
  const container = containerId(facts.cgroupPath);
  const language = facts.goVersion === undefined ? LANGUAGES.find(([p]) => p.test(executableName))?.[1] : "go";
  const foreign = parseResourceAttributes(facts.environment.OTEL_RESOURCE_ATTRIBUTES);

  const attributes = new Map<string, AttributeValue>();
  for (const [key, value] of foreign) attributes.set(key, value);
  const set = (key: string, value: string | number | undefined) => {
    if (value !== undefined) attributes.set(key, typeof value === "string" ? bounded(value) : value);
  };
  set("service.name", serviceName(facts, foreign, executableName, host));
  set("service.instance.id", foreign.get("service.instance.id") ?? instanceId(facts, host.bootId));
  set("process.pid", facts.tgid);
  set("process.executable.name", executableName);
  set("process.executable.path", executablePath);
  set("process.runtime.name", facts.goVersion === undefined ? undefined : "go");
  set("process.runtime.version", facts.goVersion);
  set("container.id", container);
  set("container.name", facts.containerName);
  set("host.name", host.hostName);
  set("os.type", "linux");
  set("telemetry.sdk.name", "sockspan");
  set("telemetry.sdk.version", host.version);
  set("telemetry.sdk.language", language);
  for (const [key, value] of published) {
    if (!OURS.test(key) && !(key === "service.name" && value === "")) attributes.set(key, value);
  }
  return { attributes: [...attributes] satisfies Attribute[] };
}

function serviceName(
  facts: KnownFacts,
  foreign: ReadonlyMap<string, string>,
  executableName: string,
  host: HostFacts,
): string {
  const own = facts.environment.OTEL_SERVICE_NAME;
  if (own !== undefined && own !== "") return own;
  const named = foreign.get("service.name");
  if (named !== undefined && named !== "") return named;
  const isShared = facts.cgroupPath === host.ownCgroupPath;
  const container = isShared ? undefined : containerId(facts.cgroupPath);
  if (container !== undefined) return facts.containerName ?? container.slice(0, 12);
  const unit = isShared ? undefined : systemdUnit(facts.cgroupPath);
  return unit ?? programName(executableName, facts.commandLine) ?? linkName(facts, executableName) ?? executableName;
}

/** One executable under many names (busybox; Debian's redis-server is a link to redis-check-rdb): the kernel took the name that was called. */
function linkName({ comm, commandLine }: KnownFacts, executableName: string): string | undefined {
  const path = commandLine[0]?.split(/[ :]/)[0] ?? "";
  // Chromium starts itself as /proc/self/exe.
  if (comm === "" || executableName.startsWith(comm) || path.startsWith("/proc/")) return undefined;
  const called = baseName(path);
  return called.slice(0, COMM_CHARACTERS) === comm ? called : undefined;
}

/** Baggage octets (OpenTelemetry resource SDK, "Specifying resource information via an environment variable"). */
function parseResourceAttributes(text: string | undefined): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const pair of (text ?? "").split(",", FOREIGN_ATTRIBUTE_LIMIT)) {
    const equals = pair.indexOf("=");
    const key = pair.slice(0, Math.max(equals, 0)).trim();
    if (key !== "" && key.length <= 256) attributes.set(key, bounded(percentDecode(pair.slice(equals + 1).trim())));
  }
  return attributes;
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function bounded(value: string): string {
  return value.slice(0, VALUE_LIMIT_CHARACTERS);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Name-based (RFC 9562, version 8: any hash): the same for one start of one process, however often we are restarted. */
function instanceId(facts: KnownFacts, bootId: string): string {
  const hash = createHash("sha256").update(`${bootId}:${facts.tgid}:${facts.startTimeTicks}`).digest();
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x80;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  const hex = hash.toString("hex", 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
