/**
 * One line of a standalone agent's `l7_flow_log` as a row: one JSON object, times in microseconds, zero values left
 * out, names instead of most numbers.
 */
import { parseIpv4, parseIpv6, ZERO_IPV6 } from "../address.ts";
import { protocolByConfigName } from "../config/config-protocol.ts";
import { emptyRow, type L7Row, NO_CODE, NO_LENGTH, RowFlag, RowKind, RowStatus, TapSide } from "./l7-row.ts";

type Fields = Readonly<Record<string, unknown>>;

const KINDS: ReadonlyMap<string, number> = new Map([
  ["request", RowKind.request],
  ["response", RowKind.response],
  ["session", RowKind.session],
]);

const STATUSES: ReadonlyMap<string, number> = new Map([
  ["ok", RowStatus.ok],
  ["timeout", RowStatus.timeout],
  ["servererror", RowStatus.serverError],
  ["clienterror", RowStatus.clientError],
  ["unknown", RowStatus.unknown],
  ["parsefailed", RowStatus.parseFailed],
]);

/** Both the short and the long names of the observation points. */
const TAP_SIDES: ReadonlyMap<string, number> = new Map([
  ["c", 1],
  ["client", 1],
  ["s", 2],
  ["server", 2],
  ["local", 4],
  ["cp", TapSide.clientProcess],
  ["clientprocess", TapSide.clientProcess],
  ["sp", TapSide.serverProcess],
  ["serverprocess", TapSide.serverProcess],
  ["capp", TapSide.clientApp],
  ["clientapp", TapSide.clientApp],
  ["sapp", TapSide.serverApp],
  ["serverapp", TapSide.serverApp],
  ["app", 48],
]);

/** undefined when the line is no row. */
export function parseRowJson(line: string): L7Row | undefined {
  let fields: Fields;
  try {
    // Ids of 64 bits are numbers in the line, and a double would make neighbours equal.
    const value: unknown = JSON.parse(line.replace(/(?<!\\)":\s*(\d{16,20})(?=[,}])/g, '":"$1"'));
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    fields = value as Fields;
  } catch {
    return undefined;
  }
  const startTimeUs = big(fields["start_time"]);
  if (startTimeUs <= 0n || !("l7_protocol" in fields || "ip_src" in fields)) return undefined;
  const row = emptyRow();
  row.startTimeNs = startTimeUs * 1000n;
  row.endTimeNs = big(fields["end_time"]) * 1000n;
  row.responseDurationNs = big(fields["response_duration"]) * 1000n;
  row.flowId = BigInt.asUintN(64, big(fields["flow_id"]));
  row.agentId = number(fields["agent_id"]);
  row.kind = named(KINDS, fields["msg_type"], RowKind.session);
  row.tapSide = named(TAP_SIDES, fields["tap_side"], 0);
  row.protocol = protocolOf(fields["l7_protocol"]);
  row.transport =
    typeof fields["protocol"] === "number" ? fields["protocol"] : /udp/i.test(text(fields["protocol"])) ? 17 : 6;
  fillEnds(row, fields);
  fillIds(row, fields);
  fillContent(row, fields);
  return row;
}

function fillEnds(row: L7Row, fields: Fields): void {
  const source = text(fields["ip_src"]);
  const destination = text(fields["ip_dst"]);
  row.isIpv6 = source.includes(":");
  row.ip0 = parseIpv4(source) ?? 0;
  row.ip1 = parseIpv4(destination) ?? 0;
  row.ip60 = parseIpv6(source) ?? ZERO_IPV6;
  row.ip61 = parseIpv6(destination) ?? ZERO_IPV6;
  row.port0 = number(fields["port_src"]);
  row.port1 = number(fields["port_dst"]);
}

function fillIds(row: L7Row, fields: Fields): void {
  row.requestTcpSeq = number(fields["req_tcp_seq"]);
  row.responseTcpSeq = number(fields["resp_tcp_seq"]);
  row.processId0 = number(fields["process_id_0"]);
  row.processId1 = number(fields["process_id_1"]);
  row.processName0 = text(fields["process_kname_0"]);
  row.processName1 = text(fields["process_kname_1"]);
  row.syscallTraceIdRequest = BigInt.asUintN(64, big(fields["syscall_trace_id_request"]));
  row.syscallTraceIdResponse = BigInt.asUintN(64, big(fields["syscall_trace_id_response"]));
  row.threadId0 = number(fields["syscall_thread_0"]);
  row.threadId1 = number(fields["syscall_thread_1"]);
  row.coroutineId0 = BigInt.asUintN(64, big(fields["syscall_coroutine_0"]));
  row.coroutineId1 = BigInt.asUintN(64, big(fields["syscall_coroutine_1"]));
  row.captureSeq0 = number(fields["syscall_cap_seq_0"]);
  row.captureSeq1 = number(fields["syscall_cap_seq_1"]);
}

/** The parsers' own structures lie flat in the line, each with its names for the same things. */
function fillContent(row: L7Row, fields: Fields): void {
  const first = (...names: string[]): string =>
    names.map((name) => text(fields[name])).find((value) => value !== "") ?? "";
  row.version = first("version");
  row.requestType = first("request_type", "method", "command_str");
  row.requestDomain = first("request_domain", "host", "domain");
  row.requestResource = first("request_resource", "path", "sql", "query_name", "context");
  row.endpoint = first("endpoint", "topic_name");
  row.exception = first("response_exception", "exception", "error_message");
  row.status = named(STATUSES, fields["response_status"] ?? fields["status"], RowStatus.unknown);
  const code = first("response_code", "status_code", "error_code");
  row.code = code === "" || !Number.isInteger(Number(code)) ? NO_CODE : Number(code);
  row.requestBytes = length(fields["request_length"] ?? fields["req_content_length"]);
  row.responseBytes = length(fields["response_length"] ?? fields["resp_content_length"]);
  row.requestId = number(fields["request_id"] ?? fields["stream_id"]);
  row.xRequestId0 = first("x_request_id_0", "x_request_id");
  row.xRequestId1 = first("x_request_id_1");
  row.userAgent = first("user_agent");
  row.clientIp = first("http_proxy_client", "client_ip");
  row.serviceName = first("app_service", "service_name");
  row.rpcService = first("rpc_service");
  const traceIds = fields["trace_ids"];
  row.traceIds = Array.isArray(traceIds) ? traceIds.map(traceIdText).filter((id) => id !== "") : [];
  if (row.traceIds.length === 0 && first("trace_id") !== "") row.traceIds = [first("trace_id")];
  row.spanId = first("span_id");
  if (fields["is_tls"] === true || Number(fields["is_tls"]) === 1) row.flags = RowFlag.tls;
}

function traceIdText(item: unknown): string {
  if (typeof item !== "object" || item === null) return text(item);
  return text(Reflect.get(item, "value") ?? Reflect.get(item, "field"));
}

function protocolOf(value: unknown): number {
  if (typeof value === "number") return value;
  const name = text(value);
  return protocolByConfigName(name === "Http1" ? "HTTP" : name)[0] ?? 0;
}

function named(names: ReadonlyMap<string, number>, value: unknown, fallback: number): number {
  if (typeof value === "number") return value;
  return (
    names.get(
      text(value)
        .toLowerCase()
        .replace(/[^a-z]/g, ""),
    ) ?? fallback
  );
}

function length(value: unknown): number {
  return value === undefined || value === null ? NO_LENGTH : number(value);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}

function number(value: unknown): number {
  const parsed = Number(value ?? 0);
  return Number.isFinite(parsed) && parsed >= 0 ? Math.trunc(parsed) % 4_294_967_296 : 0;
}

function big(value: unknown): bigint {
  if (typeof value === "number" && Number.isFinite(value)) return BigInt(Math.trunc(value));
  return typeof value === "string" && /^\d{1,20}$/.test(value) ? BigInt(value) : 0n;
}
