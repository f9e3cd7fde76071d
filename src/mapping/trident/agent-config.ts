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
  readonly isCaptureEnabled: boolean;
  /** L7 protocol numbers; undefined: all. */
  readonly protocols: ReadonlySet<number> | undefined;
  readonly protocolPorts: ReadonlyMap<number, PortList>;
  readonly excludedPorts: PortList;
  readonly includedPorts: PortList;
  readonly logLevel: string;
  /** Settings of the capture side by their path in sockspan's configuration. */
  readonly captureSettings: ReadonlyMap<string, unknown>;
  /** Keys that mean nothing here: said once in the log. */
  readonly ignoredKeys: readonly string[];
  readonly unknownKeys: readonly string[];
}

export type AgentConfigResult =
  | { readonly kind: "config"; readonly config: AgentConfig }
  | { readonly kind: "refused"; readonly problems: readonly string[] };

const DEFAULT_INGESTER_PORT = 30_033;
/** What a controller leaves out means this. */
const DEFAULT_CONTROLLER_PORT = 30_035;
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
    isCaptureEnabled:
      !reader.boolean("inputs.ebpf.disabled", false) && !reader.boolean("inputs.ebpf.socket.kprobe.disabled", false),
    protocols: protocols === undefined ? undefined : new Set(protocols.flatMap(protocolByConfigName)),
    protocolPorts: readProtocolPorts(reader, `${requestLog}.filters.port_number_prefilters`),
    excludedPorts: readPorts(reader, "inputs.ebpf.socket.kprobe.blacklist.ports"),
    includedPorts: readPorts(reader, "inputs.ebpf.socket.kprobe.whitelist.ports"),
    logLevel: reader.text("global.self_monitoring.log.log_level", "INFO").toLowerCase(),
    captureSettings: readCaptureSettings(reader),
    ignoredKeys: paths.filter((path) => kindOfKey(path) === "ignored"),
    unknownKeys: paths.filter((path) => kindOfKey(path) === "unknown"),
  };
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

/** What only the capture side can do; it takes what it knows of this. */
function readCaptureSettings(reader: ConfigTreeReader): ReadonlyMap<string, unknown> {
  const settings = new Map<string, unknown>();
  const tags = "processors.request_log.tag_extraction.tracing_tag";
  const headers = [reader.texts(`${tags}.http_real_client`) ?? [], reader.texts(`${tags}.x_request_id`) ?? []].flat();
  const contexts = [reader.texts(`${tags}.apm_trace_id`) ?? [], reader.texts(`${tags}.apm_span_id`) ?? []].flat();
  const put = (path: string, value: unknown): void => {
    if (value !== undefined) settings.set(path, value);
  };
  const headerName = (name: string): string => name.toLowerCase().replaceAll("_", "-");
  if (headers.length > 0) put("receivers.socket_trace.request_headers", [...new Set(headers.map(headerName))]);
  if (contexts.length > 0) put("receivers.socket_trace.context_headers", [...new Set(contexts.map(headerName))]);
  put("receivers.socket_trace.max_payload", reader.value("processors.request_log.tunning.payload_truncation"));
  put("receivers.socket_trace.io_event.mode", reader.value("inputs.ebpf.file.io_event.collect_mode"));
  put("receivers.socket_trace.io_event.min_duration", reader.value("inputs.ebpf.file.io_event.minimal_duration"));
  put("receivers.socket_trace.uprobes.golang", reader.value("inputs.ebpf.socket.uprobe.golang.enabled"));
  put("receivers.socket_trace.uprobes.tls", reader.value("inputs.ebpf.socket.uprobe.tls.enabled"));
  put("receivers.profile.disabled", reader.value("inputs.ebpf.profile.on_cpu.disabled"));
  put("receivers.profile.frequency", reader.value("inputs.ebpf.profile.on_cpu.sampling_frequency"));
  put("receivers.profile.processes", reader.value("inputs.proc.process_matcher"));
  return settings;
}
