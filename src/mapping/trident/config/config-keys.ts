/**
 * What a controller's configuration means to sockspan, as data: `sockspan trident keys` lists it, agent-config.ts
 * applies it. A key that is in neither list is unknown: it is ignored too, and named in the log.
 */

interface HonouredKey {
  /** Path in user_config (package agent). */
  readonly path: string;
  /** Field of Config, or path in its local_config YAML after `yaml:` (package trident); undefined: there is none. */
  readonly field: string | undefined;
  /** `bridge`: at once. `capture`: by capture.yaml in the extension's storage_directory, when it is read. */
  readonly by: "bridge" | "capture";
  /** Which setting of sockspan it becomes. */
  readonly target: string;
}

interface IgnoredKey {
  /** A path, or a whole subtree. */
  readonly path: string;
  readonly reason: string;
}

export const HONOURED_KEYS: readonly HonouredKey[] = [
  {
    path: "global.communication.ingester_ip",
    field: "analyzer_ip",
    by: "bridge",
    target: "exporters.deepflow.endpoint",
  },
  {
    path: "global.communication.ingester_port",
    field: "analyzer_port",
    by: "bridge",
    target: "exporters.deepflow.endpoint",
  },
  {
    path: "global.communication.max_escape_duration",
    field: "max_escape_seconds",
    by: "bridge",
    target: "extensions.trident: stop when the controller is away for so long",
  },
  {
    path: "global.communication.max_throughput_to_ingester",
    field: undefined,
    by: "bridge",
    target: "exporters.deepflow: bytes a second",
  },
  {
    path: "global.communication.proactive_request_interval",
    field: "sync_interval",
    by: "bridge",
    target: "extensions.trident: time between two Sync",
  },
  {
    path: "global.communication.proxy_controller_ip",
    field: "proxy_controller_ip",
    by: "bridge",
    target: "extensions.trident: controller after the first Sync",
  },
  {
    path: "global.communication.proxy_controller_port",
    field: "proxy_controller_port",
    by: "bridge",
    target: "extensions.trident: controller after the first Sync",
  },
  {
    path: "global.ntp.enabled",
    field: "ntp_enabled",
    by: "bridge",
    target: "extensions.trident: correct time stamps of rows",
  },
  {
    path: "global.ntp.min_drift",
    field: "yaml:ntp-min-interval",
    by: "bridge",
    target: "extensions.trident: correct from this drift on",
  },
  {
    path: "global.self_monitoring.log.log_level",
    field: "log_level",
    by: "capture",
    target: "service.telemetry.logs.level",
  },
  {
    path: "inputs.ebpf.disabled",
    field: "yaml:ebpf.disabled",
    by: "bridge",
    target: "exporters.deepflow: nothing is sent",
  },
  {
    path: "inputs.ebpf.file.io_event.collect_mode",
    field: "yaml:ebpf.io-event-collect-mode",
    by: "capture",
    target: "receivers.socket_trace.io_events.mode",
  },
  {
    path: "inputs.ebpf.file.io_event.minimal_duration",
    field: "yaml:ebpf.io-event-minimal-duration",
    by: "capture",
    target: "receivers.socket_trace.io_events.threshold",
  },
  {
    path: "inputs.ebpf.profile.on_cpu.disabled",
    field: "yaml:ebpf.on-cpu-profile.disabled",
    by: "bridge",
    target: "exporters.deepflow: no profiles are sent",
  },
  {
    path: "inputs.ebpf.profile.on_cpu.sampling_frequency",
    field: "yaml:ebpf.on-cpu-profile.frequency",
    by: "capture",
    target: "receivers.profile.sampling_frequency",
  },
  {
    path: "inputs.ebpf.socket.kprobe.blacklist.ports",
    field: "yaml:ebpf.kprobe-blacklist.port-list",
    by: "bridge",
    target: "exporters.deepflow: rows of these server ports stay behind",
  },
  {
    path: "inputs.ebpf.socket.kprobe.disabled",
    field: "yaml:ebpf.socket-tracer.disabled",
    by: "bridge",
    target: "exporters.deepflow: nothing is sent",
  },
  {
    path: "inputs.ebpf.socket.kprobe.whitelist.ports",
    field: "yaml:ebpf.kprobe-whitelist.port-list",
    by: "bridge",
    target: "exporters.deepflow: rows of other server ports stay behind",
  },
  {
    path: "inputs.proc.enabled",
    field: "yaml:os-proc-sync-enabled",
    by: "bridge",
    target: "extensions.trident: processes in GenesisSync",
  },
  {
    path: "inputs.proc.socket_info_sync_interval",
    field: "yaml:os-proc-socket-sync-interval",
    by: "bridge",
    target: "extensions.trident: time between two GPIDSync; 0: none",
  },
  {
    path: "inputs.resources.push_interval",
    field: "platform_sync_interval",
    by: "bridge",
    target: "extensions.trident: time between two GenesisSync",
  },
  { path: "outputs.compression.l7_flow_log", field: undefined, by: "bridge", target: "exporters.deepflow.compression" },
  {
    path: "outputs.flow_log.throttles.l7_throttle",
    field: "l7_log_collect_nps_threshold",
    by: "bridge",
    target: "exporters.deepflow.max_rows_per_second",
  },
  {
    path: "processors.request_log.application_protocol_inference.enabled_protocols",
    field: "yaml:l7-protocol-enabled",
    by: "bridge",
    target: "exporters.deepflow: rows of other protocols stay behind",
  },
  {
    path: "processors.request_log.filters.port_number_prefilters",
    field: "yaml:l7-protocol-ports",
    by: "bridge",
    target: "exporters.deepflow: rows of other server ports stay behind",
  },
  {
    path: "processors.request_log.tag_extraction.tracing_tag.http_real_client",
    field: "http_log_proxy_client",
    by: "capture",
    target: "receivers.socket_trace.request_headers",
  },
  {
    path: "processors.request_log.tag_extraction.tracing_tag.x_request_id",
    field: "http_log_x_request_id",
    by: "capture",
    target: "receivers.socket_trace.request_headers",
  },
  {
    path: "processors.request_log.tunning.payload_truncation",
    field: "l7_log_packet_size",
    by: "capture",
    target: "receivers.socket_trace.capture_prefix_bytes",
  },
];

const PACKETS = "sockspan captures no packets";
const HOST = "the limits of this process are its unit's or pod's";
const OWN = "sockspan's own configuration decides";
const NONE = "there is no such part in sockspan";

export const IGNORED_KEYS: readonly IgnoredKey[] = [
  { path: "dev", reason: NONE },
  { path: "global.alerts", reason: HOST },
  { path: "global.circuit_breakers", reason: HOST },
  { path: "global.common", reason: OWN },
  { path: "global.communication.grpc_buffer_size", reason: "messages are limited by the extension's max_message_size" },
  {
    path: "global.communication.ingester_traffic_overflow_action",
    reason: "the queue waits, then drops the newest and counts it",
  },
  { path: "global.communication.request_via_nat_ip", reason: "the controller has already put the address in" },
  { path: "global.limits", reason: HOST },
  { path: "global.ntp.max_drift", reason: "nothing restarts for a drift; time stamps are corrected" },
  { path: "global.self_monitoring.debug", reason: OWN },
  { path: "global.self_monitoring.hostname", reason: OWN },
  { path: "global.self_monitoring.interval", reason: "the exporter's stats_interval" },
  { path: "global.self_monitoring.log.log_backhaul_enabled", reason: "logs go to stderr only" },
  { path: "global.self_monitoring.log.log_file", reason: "logs go to stderr only" },
  { path: "global.self_monitoring.profile", reason: OWN },
  { path: "global.standalone_mode", reason: "the file exporter" },
  { path: "global.tunning", reason: HOST },
  { path: "inputs.cbpf", reason: PACKETS },
  { path: "inputs.ebpf.java", reason: OWN },
  { path: "inputs.ebpf.profile.languages", reason: OWN },
  { path: "inputs.ebpf.profile.memory", reason: NONE },
  { path: "inputs.ebpf.profile.off_cpu", reason: "receivers.profile.off_cpu of sockspan's own configuration" },
  { path: "inputs.ebpf.profile.on_cpu.aggregate_by_cpu", reason: "rows always name their CPU" },
  { path: "inputs.ebpf.profile.preprocess", reason: "one record per sample" },
  { path: "inputs.ebpf.profile.unwinding", reason: "stacks are unwound by .eh_frame wherever frame pointers end" },
  { path: "inputs.ebpf.socket.kprobe.enable_unix_socket", reason: NONE },
  { path: "inputs.ebpf.socket.preprocess", reason: OWN },
  { path: "inputs.ebpf.socket.sock_ops", reason: OWN },
  { path: "inputs.ebpf.socket.tunning", reason: OWN },
  { path: "inputs.ebpf.socket.uprobe.dpdk", reason: NONE },
  { path: "inputs.ebpf.socket.uprobe.golang", reason: "goroutines are read at the system call" },
  { path: "inputs.ebpf.socket.uprobe.tls", reason: "TLS is not read by this version" },
  { path: "inputs.ebpf.tunning", reason: OWN },
  { path: "inputs.integration", reason: "an OpenTelemetry Collector takes other sources' data" },
  { path: "inputs.proc.ai_agent", reason: NONE },
  { path: "inputs.proc.min_lifetime", reason: OWN },
  { path: "inputs.proc.proc_dir_path", reason: "always /proc" },
  { path: "inputs.proc.process_blacklist", reason: OWN },
  { path: "inputs.proc.process_matcher", reason: "sockspan's own configuration decides" },
  { path: "inputs.proc.symbol_table", reason: OWN },
  { path: "inputs.proc.tag_extraction", reason: "no script of the controller runs here" },
  { path: "inputs.resources.kubernetes", reason: "the Collector's k8sattributes processor" },
  { path: "inputs.resources.private_cloud", reason: NONE },
  { path: "inputs.resources.pull_resource_from_controller", reason: "platform data is not used" },
  { path: "inputs.resources.workload_resource_sync_enabled", reason: "GenesisSync is the extension's setting" },
  { path: "inputs.vector", reason: NONE },
  { path: "outputs.compression.application_log", reason: NONE },
  { path: "outputs.compression.l4_flow_log", reason: PACKETS },
  { path: "outputs.compression.pcap", reason: PACKETS },
  { path: "outputs.flow_log.aggregators", reason: PACKETS },
  { path: "outputs.flow_log.filters", reason: PACKETS },
  { path: "outputs.flow_log.throttles.l4_throttle", reason: PACKETS },
  { path: "outputs.flow_log.tunning", reason: "the exporter's sending_queue" },
  { path: "outputs.flow_metrics", reason: "no metrics are made here" },
  { path: "outputs.npb", reason: PACKETS },
  { path: "outputs.socket", reason: "the exporter's protocol setting" },
  { path: "plugins", reason: "no code of the controller runs here" },
  { path: "processors.flow_log", reason: PACKETS },
  { path: "processors.packet", reason: PACKETS },
  { path: "processors.request_log.application_protocol_inference.custom_protocols", reason: NONE },
  { path: "processors.request_log.application_protocol_inference.inference_max_retries", reason: OWN },
  { path: "processors.request_log.application_protocol_inference.inference_result_ttl", reason: OWN },
  { path: "processors.request_log.application_protocol_inference.inference_whitelist", reason: OWN },
  { path: "processors.request_log.application_protocol_inference.protocol_special_config", reason: OWN },
  { path: "processors.request_log.filters.cbpf_disabled", reason: PACKETS },
  { path: "processors.request_log.filters.tag_filters", reason: "the filter processor" },
  { path: "processors.request_log.filters.unconcerned_dns_nxdomain_response_suffixes", reason: OWN },
  { path: "processors.request_log.tag_extraction.custom_field_policies", reason: NONE },
  { path: "processors.request_log.tag_extraction.custom_fields", reason: NONE },
  { path: "processors.request_log.tag_extraction.http_endpoint", reason: "routes are http.route where one is known" },
  {
    path: "processors.request_log.tag_extraction.obfuscate_protocols",
    reason: "query text always leaves without literals",
  },
  { path: "processors.request_log.tag_extraction.raw", reason: "no payload leaves" },
  {
    path: "processors.request_log.tag_extraction.tracing_tag.apm_span_id",
    reason: "traceparent, b3, uber-trace-id and sw8 are always read",
  },
  {
    path: "processors.request_log.tag_extraction.tracing_tag.apm_trace_id",
    reason: "traceparent, b3, uber-trace-id and sw8 are always read",
  },
  { path: "processors.request_log.tag_extraction.tracing_tag.copy_apm_trace_id", reason: NONE },
  { path: "processors.request_log.tag_extraction.tracing_tag.multiple_trace_id_collection", reason: NONE },
  { path: "processors.request_log.timeouts", reason: OWN },
  { path: "processors.request_log.tunning.consistent_timestamp_in_l7_metrics", reason: "no metrics are made here" },
  { path: "processors.request_log.tunning.session_aggregate_max_entries", reason: OWN },
  { path: "processors.request_log.tunning.session_aggregate_slot_capacity", reason: OWN },
];

type KeyKind = "honoured" | "ignored" | "unknown";

const HONOURED_PATHS = new Set(HONOURED_KEYS.map(({ path }) => path));
const IGNORED_PATHS = new Set(IGNORED_KEYS.map(({ path }) => path));

/** A path below an honoured or ignored one is of its kind. */
export function kindOfKey(path: string): KeyKind {
  for (let end = path.length; end > 0; end = path.lastIndexOf(".", end - 1)) {
    const prefix = path.slice(0, end);
    if (HONOURED_PATHS.has(prefix)) return "honoured";
    if (IGNORED_PATHS.has(prefix)) return "ignored";
  }
  return "unknown";
}
