/** What a frame of the data plane (port 20033) may hold. */

export const MessageType = {
  compress: 0,
  syslog: 1,
  serverDfstats: 2,
  metrics: 3,
  taggedFlow: 4,
  protocolLog: 5,
  openTelemetry: 6,
  prometheus: 7,
  telegraf: 8,
  packetSequence: 9,
  dfstats: 10,
  openTelemetryCompressed: 11,
  rawPcap: 12,
  profile: 13,
  procEvent: 14,
  alertRecord: 15,
  k8sEvent: 16,
  applicationLog: 17,
  agentLog: 18,
  skywalking: 19,
  datadog: 20,
  alertEvent: 21,
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

const NAMES: readonly string[] = [
  "compress",
  "syslog",
  "server_dfstats",
  "metrics",
  "l4_log",
  "l7_log",
  "open_telemetry",
  "prometheus",
  "telegraf",
  "packet_sequence",
  "dfstats",
  "open_telemetry_compressed",
  "raw_pcap",
  "profile",
  "proc_event",
  "alert_record",
  "k8s_event",
  "application_log",
  "agent_log",
  "skywalking",
  "datadog",
  "alert_event",
];

/** For accounts and logs. */
export function messageTypeName(type: number): string {
  return NAMES[type] ?? "unknown";
}

export function isKnownMessageType(type: number): boolean {
  return type < NAMES.length;
}

/** compress and syslog frames have the short header: size and type, no agent. */
export function hasShortHeader(type: number): boolean {
  return type === MessageType.compress || type === MessageType.syslog;
}
