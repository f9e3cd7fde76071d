/**
 * A span as a row that DeepFlow's assembler understands. The row has the ids that its rules join by: the TCP sequence
 * number (both ends of an exchange), a system call trace id made from the server span's id (the calls that its process
 * made for it), and trace id and span id as a traceparent header would have carried them: the client's span id on both
 * ends. Everything else of the span goes along as own-row.ts says.
 */
import { GRPC_STATUS_NAMES } from "../../protocols/http2/grpc-status.ts";
import { type AttributeValue, type Span, SpanKind, StatusCode } from "../../span.ts";
import { parseIpv4, parseIpv6, ZERO_IPV6 } from "../address.ts";
import { IdHash } from "./id-hash.ts";
import { L7_CUSTOM, L7_GRPC, L7_HTTP1, l7ProtocolNumber } from "./l7-protocol.ts";
import {
  emptyRow,
  type L7Row,
  NO_CODE,
  NO_LENGTH,
  RowFlag,
  RowKind,
  RowStatus,
  TAP_PORT_FROM_EBPF,
  TAP_TYPE_CLOUD,
  TapSide,
} from "./l7-row.ts";
import { OWN_ROW_ATTRIBUTE, packSpan } from "./own-row.ts";

interface RowOptions {
  readonly agentId: number;
  /** VPC of the agent's host: what the controller gave as vpc_id. */
  readonly epcId: number;
}

/** No VPC is known at the other end (the field's own marker). */
const EPC_UNKNOWN = -2;

/** undefined: the span is no exchange (internal). */
export function spanToRow(span: Span, options: RowOptions): L7Row | undefined {
  if (span.kind === SpanKind.internal) return undefined;
  const isServer = span.kind === SpanKind.server;
  const attributes = new Map<string, AttributeValue>(span.attributes);
  const resource = new Map<string, AttributeValue>(span.resource.attributes);
  const row = emptyRow();
  row.startTimeNs = span.startTimeUnixNano;
  row.endTimeNs = span.endTimeUnixNano;
  row.responseDurationNs = span.endTimeUnixNano - span.startTimeUnixNano;
  row.agentId = options.agentId;
  row.tapType = TAP_TYPE_CLOUD;
  row.tapSide = isServer ? TapSide.serverProcess : TapSide.clientProcess;
  row.kind = RowKind.session;
  fillEnds(row, isServer, attributes, options);
  fillProcess(row, isServer, attributes, resource);
  row.tapPort = TAP_PORT_FROM_EBPF | BigInt(isServer ? row.processId1 : row.processId0);
  row.requestTcpSeq = Number(BigInt.asUintN(32, big(attributes.get("sockspan.tcp.seq"))));
  row.responseTcpSeq = Number(BigInt.asUintN(32, big(attributes.get("sockspan.tcp.response_seq"))));
  fillRequest(row, span, attributes);
  fillResponse(row, span, attributes);
  fillTrace(row, span, isServer);
  row.flowId = flowIdOf(row);
  row.attributeNames = span.attributes.map(([key]) => key);
  row.attributeValues = span.attributes.map(([, value]) => textOf(value));
  row.attributeNames.push(OWN_ROW_ATTRIBUTE);
  row.attributeValues.push(packSpan(span));
  return row;
}

function fillEnds(
  row: L7Row,
  isServer: boolean,
  attributes: ReadonlyMap<string, AttributeValue>,
  options: RowOptions,
): void {
  const text = (key: string): string => textOf(attributes.get(key));
  const peer = text("network.peer.address");
  const local = text("network.local.address");
  const client = isServer ? peer || text("client.address") : local || text("client.address");
  const server = isServer ? local || text("server.address") : peer || text("server.address");
  row.port0 =
    number(attributes.get(isServer ? "network.peer.port" : "network.local.port")) ||
    number(attributes.get("client.port"));
  row.port1 =
    number(attributes.get("server.port")) ||
    number(attributes.get(isServer ? "network.local.port" : "network.peer.port"));
  row.transport = text("network.transport") === "udp" ? 17 : 6;
  row.epcId0 = isServer ? EPC_UNKNOWN : options.epcId;
  row.epcId1 = isServer ? options.epcId : EPC_UNKNOWN;
  row.ip0 = parseIpv4(client) ?? 0;
  row.ip1 = parseIpv4(server) ?? 0;
  // IPv4 rows carry sixteen zero bytes, as the real agents send them.
  row.ip60 = parseIpv6(client) ?? ZERO_IPV6;
  row.ip61 = parseIpv6(server) ?? ZERO_IPV6;
  row.isIpv6 = row.ip0 === 0 && row.ip1 === 0 && (client.includes(":") || server.includes(":"));
}

function fillProcess(
  row: L7Row,
  isServer: boolean,
  attributes: ReadonlyMap<string, AttributeValue>,
  resource: ReadonlyMap<string, AttributeValue>,
): void {
  const processId = number(resource.get("process.pid"));
  const name = textOf(resource.get("process.executable.name")) || textOf(resource.get("service.name"));
  const threadId = number(attributes.get("thread.id"));
  const coroutineId = BigInt.asUintN(64, big(attributes.get("sockspan.coroutine.id")));
  row.serviceName = textOf(resource.get("service.name"));
  if (isServer) {
    row.processId1 = processId;
    row.processName1 = name;
    row.threadId1 = threadId;
    row.coroutineId1 = coroutineId;
  } else {
    row.processId0 = processId;
    row.processName0 = name;
    row.threadId0 = threadId;
    row.coroutineId0 = coroutineId;
  }
}

/** Protocol and server port that the row of this span will have, without making it. */
export function protocolOfSpan(span: Span): { readonly protocol: number; readonly port: number } {
  const attributes = new Map<string, AttributeValue>(span.attributes);
  return { protocol: protocolOf(attributes), port: number(attributes.get("server.port")) };
}

function protocolNameOf(attributes: ReadonlyMap<string, AttributeValue>): string {
  const text = (key: string): string => textOf(attributes.get(key));
  return (
    text("rpc.system.name") ||
    text("rpc.system") ||
    text("db.system.name") ||
    text("messaging.system") ||
    text("network.protocol.name")
  );
}

function protocolOf(attributes: ReadonlyMap<string, AttributeValue>): number {
  const known = l7ProtocolNumber(protocolNameOf(attributes), textOf(attributes.get("network.protocol.version")));
  return known ?? (attributes.has("http.request.method") ? L7_HTTP1 : L7_CUSTOM);
}

function fillRequest(row: L7Row, span: Span, attributes: ReadonlyMap<string, AttributeValue>): void {
  const text = (key: string): string => textOf(attributes.get(key));
  const version = text("network.protocol.version");
  row.protocol = protocolOf(attributes);
  if (row.protocol === L7_CUSTOM) row.protocolName = protocolNameOf(attributes) || "unknown";
  row.version = version;
  if (row.protocol === L7_GRPC && version === "") row.version = "2";
  row.requestType =
    text("http.request.method_original") ||
    text("http.request.method") ||
    text("db.operation.name") ||
    text("messaging.operation.name") ||
    text("rpc.method");
  const host = text("server.address");
  const port = number(attributes.get("server.port"));
  const isHttp = attributes.has("http.request.method");
  row.requestDomain = isHttp
    ? port === 80 || port === 443 || port === 0
      ? host
      : `${host}:${port}`
    : text("messaging.destination.name");
  row.requestResource =
    pathOf(text("url.full")) ||
    text("url.path") ||
    text("db.query.text") ||
    text("db.query.summary") ||
    text("dns.question.name");
  row.endpoint = text("http.route") || text("url.path") || span.name;
  const [service = "", method] = splitMethod(text("rpc.method"));
  row.rpcService = text("rpc.service") || service;
  if (attributes.has("rpc.method") && method !== undefined) {
    row.requestResource ||= `/${text("rpc.method")}`;
    row.endpoint = `/${text("rpc.method")}`;
  }
  row.userAgent = text("user_agent.original");
  row.clientIp = text("client.address");
  row.xRequestId0 = headerOf(attributes, "http.request.header.x-request-id");
  row.xRequestId1 = headerOf(attributes, "http.response.header.x-request-id");
  if (text("url.scheme") === "https" || text("url.full").startsWith("https:")) row.flags = RowFlag.tls;
}

function fillResponse(row: L7Row, span: Span, attributes: ReadonlyMap<string, AttributeValue>): void {
  const rpcStatus = attributes.get("rpc.response.status_code");
  const rpcCode = typeof rpcStatus === "string" ? GRPC_STATUS_NAMES.indexOf(rpcStatus) : -1;
  const code =
    (rpcCode < 0 ? undefined : rpcCode) ??
    attributes.get("http.response.status_code") ??
    attributes.get("rpc.grpc.status_code") ??
    attributes.get("rpc.response.status_code") ??
    attributes.get("db.response.status_code");
  row.code = code === undefined || !Number.isFinite(Number(code)) ? NO_CODE : Number(code) | 0;
  row.requestBytes = attributes.has("http.request.body.size")
    ? number(attributes.get("http.request.body.size"))
    : NO_LENGTH;
  row.responseBytes = attributes.has("http.response.body.size")
    ? number(attributes.get("http.response.body.size"))
    : NO_LENGTH;
  const errorType = textOf(attributes.get("error.type"));
  if (errorType === "timeout") row.status = RowStatus.timeout;
  else if (row.code >= 400 && row.code < 500 && attributes.has("http.response.status_code"))
    row.status = RowStatus.clientError;
  else row.status = span.status === StatusCode.error ? RowStatus.serverError : RowStatus.ok;
  if (span.status === StatusCode.error) row.exception = span.statusMessage ?? errorType;
}

function fillTrace(row: L7Row, span: Span, isServer: boolean): void {
  row.traceIds = [span.traceId];
  const clientSpanId = isServer ? span.parentSpanId : span.spanId;
  row.spanId = clientSpanId ?? "";
  const servingSpanId = isServer ? span.spanId : span.parentSpanId;
  if (servingSpanId !== undefined) row.syscallTraceIdRequest = BigInt.asUintN(63, BigInt(`0x${servingSpanId}`)) | 1n;
}

/** The connection: the same number at both of its ends would be wrong, since flows belong to one agent. */
function flowIdOf(row: L7Row): bigint {
  const hash = new IdHash().add(row.agentId).add(row.ip0).add(row.ip1).add(row.port0).add(row.port1).add(row.tapSide);
  for (const byte of row.ip60) hash.add(byte);
  for (const byte of row.ip61) hash.add(byte);
  return BigInt(`0x${hash.spanId()}`);
}

/** `pkg.Service/Method`; without a slash it is the method alone. */
function splitMethod(full: string): readonly [service: string, method: string | undefined] {
  const slash = full.lastIndexOf("/");
  return slash < 0 ? ["", full === "" ? undefined : full] : [full.slice(0, slash), full.slice(slash + 1)];
}

function headerOf(attributes: ReadonlyMap<string, AttributeValue>, key: string): string {
  const value = attributes.get(key);
  return Array.isArray(value) ? String(value[0] ?? "") : textOf(value);
}

function pathOf(url: string): string {
  return /^[a-z]+:\/\/[^/?#]*([^#]*)/.exec(url)?.[1] ?? "";
}

function textOf(value: AttributeValue | undefined): string {
  return value === undefined ? "" : String(value);
}

function number(value: AttributeValue | undefined): number {
  const parsed = typeof value === "number" || typeof value === "bigint" ? Number(value) : 0;
  return Number.isFinite(parsed) && parsed > 0 ? Math.trunc(parsed) % 4294967296 : 0;
}

function big(value: AttributeValue | undefined): bigint {
  if (typeof value === "bigint") return value;
  return typeof value === "number" && Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
}
