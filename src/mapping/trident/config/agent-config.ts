/** A controller's configuration as the agent role takes it: all of it or, when something in it is wrong, nothing. */
import { kindOfKey } from "./config-keys.ts";
import { protocolByConfigName } from "./config-protocol.ts";
import { type ConfigTree, ConfigTreeReader, isTree, leafPaths } from "./config-tree.ts";
import { PortList } from "./port-list.ts";

export interface AgentConfig {
  /** undefined: the controller names none, and nothing is sent. */
  readonly ingester: { readonly host: string; readonly port: number } | undefined;
  /** undefined: stay with the configured controllers. */
  readonly proxyControllerHost: string | undefined;
  readonly proxyControllerPort: number;
  readonly syncIntervalMs: number;
  readonly maxEscapeMs: number;
  readonly genesisIntervalMs: number;
  readonly isNtpEnabled: boolean;
  readonly ntpMinDriftMs: number;
  readonly maxBytesPerSecond: number;
  readonly maxRowsPerSecond: number;
  readonly isCompressed: boolean;
  readonly areProcessesReported: boolean;
  /** 0: no GPIDSync. */
  readonly processSyncIntervalMs: number;
  readonly isCaptureEnabled: boolean;
  readonly areProfilesEnabled: boolean;
  /** L7 protocol numbers; undefined: all. */
  readonly protocols: ReadonlySet<number> | undefined;
  readonly protocolPorts: ReadonlyMap<number, PortList>;
  readonly excludedPorts: PortList;
  readonly includedPorts: PortList;
  /** By their path in sockspan's configuration. */
  readonly captureSettings: ReadonlyMap<string, unknown>;
  /** Keys that mean nothing here: said once in the log. */
  readonly ignoredKeys: readonly string[];
  readonly unknownKeys: readonly string[];
}

type AgentConfigResult =
  | { readonly kind: "config"; readonly config: AgentConfig }
  | { readonly kind: "refused"; readonly problems: readonly string[] };

const DEFAULT_INGESTER_PORT = 30_033;
/** What a controller leaves out means this. */
const DEFAULT_CONTROLLER_PORT = 30_035;
const LOG_LEVELS: ReadonlySet<string> = new Set(["debug", "info", "warn", "error"]);
/** inputs.ebpf.file.io_event.collect_mode, by its number. */
const IO_MODES = ["off", "request", "all"] as const;
const DAY_MS = 86_400_000;

/** @param tree user_config, parsed; anything but a mapping is refused */
export function readAgentConfig(tree: unknown): AgentConfigResult {
  if (!isTree(tree)) return { kind: "refused", problems: ["the configuration is no mapping"] };
  const reader = new ConfigTreeReader(tree);
  const config = read(reader, tree);
  return reader.problems.length > 0 ? { kind: "refused", problems: reader.problems } : { kind: "config", config };
}

function read(reader: ConfigTreeReader, tree: ConfigTree): AgentConfig {
  const communication = "global.communication";
  const requestLog = "processors.request_log";
  const ingesterHost = reader.text(`${communication}.ingester_ip`, "");
  const ingesterPort = reader.integer(`${communication}.ingester_port`, DEFAULT_INGESTER_PORT, 1, 65_535);
  const protocols = reader.texts(`${requestLog}.application_protocol_inference.enabled_protocols`);
  const paths = leafPaths(tree);
  return {
    ingester: ingesterHost === "" ? undefined : { host: ingesterHost, port: ingesterPort },
    proxyControllerHost: reader.text(`${communication}.proxy_controller_ip`, "") || undefined,
    proxyControllerPort: reader.integer(`${communication}.proxy_controller_port`, DEFAULT_CONTROLLER_PORT, 1, 65_535),
    syncIntervalMs: reader.durationMs(`${communication}.proactive_request_interval`, 60_000, 1000, 3_600_000),
    maxEscapeMs: reader.durationMs(`${communication}.max_escape_duration`, 3_600_000, 1000, 30 * DAY_MS),
    genesisIntervalMs: reader.durationMs("inputs.resources.push_interval", 10_000, 1000, 3_600_000),
    isNtpEnabled: reader.boolean("global.ntp.enabled", false),
    ntpMinDriftMs: reader.durationMs("global.ntp.min_drift", 10_000, 0, 365 * DAY_MS),
    maxBytesPerSecond: reader.integer(`${communication}.max_throughput_to_ingester`, 100, 0, 10_000) * 125_000,
    maxRowsPerSecond: reader.integer("outputs.flow_log.throttles.l7_throttle", 10_000, 0, 1_000_000),
    isCompressed: reader.boolean("outputs.compression.l7_flow_log", true),
    areProcessesReported: reader.boolean("inputs.proc.enabled", true),
    processSyncIntervalMs: readProcessSyncInterval(reader),
    isCaptureEnabled:
      !reader.boolean("inputs.ebpf.disabled", false) && !reader.boolean("inputs.ebpf.socket.kprobe.disabled", false),
    areProfilesEnabled:
      !reader.boolean("inputs.ebpf.disabled", false) && !reader.boolean("inputs.ebpf.profile.on_cpu.disabled", false),
    protocols: protocols === undefined ? undefined : new Set(protocols.flatMap(protocolByConfigName)),
    protocolPorts: readProtocolPorts(reader, `${requestLog}.filters.port_number_prefilters`),
    excludedPorts: readPorts(reader, "inputs.ebpf.socket.kprobe.blacklist.ports"),
    includedPorts: readPorts(reader, "inputs.ebpf.socket.kprobe.whitelist.ports"),
    captureSettings: readCaptureSettings(reader),
    ignoredKeys: paths.filter((path) => kindOfKey(path) === "ignored"),
    unknownKeys: paths.filter((path) => kindOfKey(path) === "unknown"),
  };
}

/** Both switches: processes at all, and their connections. */
function readProcessSyncInterval(reader: ConfigTreeReader): number {
  const intervalMs = reader.durationMs("inputs.proc.socket_info_sync_interval", 0, 0, 3_600_000);
  return intervalMs > 0 && reader.boolean("inputs.proc.enabled", true) ? Math.max(intervalMs, 1000) : 0;
}

function readPorts(reader: ConfigTreeReader, path: string): PortList {
  const parsed = PortList.parse(reader.text(path, ""));
  if (parsed === undefined) reader.problems.push(`${path} is not a list of ports`);
  return parsed ?? (PortList.parse("") as PortList);
}

function readProtocolPorts(reader: ConfigTreeReader, path: string): ReadonlyMap<number, PortList> {
  const ports = new Map<number, PortList>();
  for (const name of Object.keys(reader.tree(path) ?? {})) {
    const list = readPorts(reader, `${path}.${name}`);
    for (const number of protocolByConfigName(name)) ports.set(number, list);
  }
  return ports;
}

/** Settings of the capture side, as far as it has them: written to capture.yaml, read at a start or reload. */
function readCaptureSettings(reader: ConfigTreeReader): ReadonlyMap<string, unknown> {
  const settings = new Map<string, unknown>();
  const tags = "processors.request_log.tag_extraction.tracing_tag";
  const headers = [reader.texts(`${tags}.http_real_client`) ?? [], reader.texts(`${tags}.x_request_id`) ?? []].flat();
  const names = headers.map((name) => name.toLowerCase().replaceAll("_", "-")).filter((name) => name !== "");
  if (names.length > 0) settings.set("receivers.socket_trace.request_headers", [...new Set(names)]);
  const truncation = "processors.request_log.tunning.payload_truncation";
  if (reader.value(truncation) !== undefined) {
    settings.set("receivers.socket_trace.capture_prefix_bytes", reader.integer(truncation, 1024, 64, 4096));
  }
  const io = "inputs.ebpf.file.io_event";
  if (reader.value(`${io}.collect_mode`) !== undefined) {
    const mode = IO_MODES[reader.integer(`${io}.collect_mode`, 1, 0, 2)];
    settings.set("receivers.socket_trace.io_events.mode", mode);
  }
  if (reader.value(`${io}.minimal_duration`) !== undefined) {
    const thresholdMs = reader.durationMs(`${io}.minimal_duration`, 1, 0.001, 1000);
    settings.set("receivers.socket_trace.io_events.threshold", `${thresholdMs}ms`);
  }
  const frequency = "inputs.ebpf.profile.on_cpu.sampling_frequency";
  if (reader.value(frequency) !== undefined) {
    settings.set("receivers.profile.sampling_frequency", reader.integer(frequency, 99, 1, 1000));
  }
  const level = reader.text("global.self_monitoring.log.log_level", "").toLowerCase();
  if (LOG_LEVELS.has(level)) settings.set("service.telemetry.logs.level", level);
  return settings;
}
