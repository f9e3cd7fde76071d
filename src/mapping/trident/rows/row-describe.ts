/** What a row says, as name, attributes and status of a span (semantic conventions; no payload, no query values). */
import { GRPC_STATUS_NAMES } from "../../protocols/http2/grpc-status.ts";
import { summarizeSql } from "../../protocols/sql/sql.ts";
import { type Attribute, SpanKind, StatusCode } from "../../span.ts";
import { formatIpv4, formatIpv6 } from "../address.ts";
import { L7_GRPC, L7Family, type L7Protocol, l7ProtocolOf } from "./l7-protocol.ts";
import { type L7Row, NO_CODE, RowFlag, RowStatus } from "./l7-row.ts";

interface RowDescription {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attribute[];
  readonly status: StatusCode;
}

const HTTP_METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
  "QUERY",
]);
const PRODUCES = /^(?:produce|publish|send|pub)/i;
const CONSUMES = /^(?:fetch|consume|receive|deliver)/i;
const SQL_PROTOCOLS: ReadonlySet<number> = new Set([60, 61, 62, 63]);
const MYSQL = 60;
/** Attributes that thousands of spans share. */
const UDP: Attribute = ["network.transport", "udp"];
const TCP: Attribute = ["network.transport", "tcp"];
const HTTP_SCHEME: Attribute = ["url.scheme", "http"];
const HTTPS_SCHEME: Attribute = ["url.scheme", "https"];
const METHOD_ATTRIBUTES: ReadonlyMap<string, Attribute> = new Map(
  [...HTTP_METHODS].map((method) => [method, ["http.request.method", method]]),
);
const OTHER_METHOD: Attribute = ["http.request.method", "_OTHER"];
const UNKNOWN_PROTOCOL: L7Protocol = { number: 0, name: "", family: L7Family.other };

/** @param side from which end the span is told */
export function describeRow(row: L7Row, side: "client" | "server"): RowDescription {
  const protocol = l7ProtocolOf(row.protocol) ?? UNKNOWN_PROTOCOL;
  const attributes: Attribute[] = [];
  const clientAddress = row.isIpv6 ? formatIpv6(row.ip60) : formatIpv4(row.ip0);
  const serverAddress = row.isIpv6 ? formatIpv6(row.ip61) : formatIpv4(row.ip1);
  const host =
    row.requestDomain === "" || protocol.family === L7Family.messaging ? undefined : hostOf(row.requestDomain);
  attributes.push(["server.address", host?.address ?? serverAddress], ["server.port", host?.port ?? row.port1]);
  if (side === "server") attributes.push(["client.address", row.clientIp === "" ? clientAddress : row.clientIp]);
  attributes.push(
    ["network.peer.address", side === "server" ? clientAddress : serverAddress],
    ["network.peer.port", side === "server" ? row.port0 : row.port1],
    row.transport === 17 ? UDP : TCP,
  );
  const protocolName = protocol.name === "" ? row.protocolName.toLowerCase() : protocol.name;
  if (protocolName !== "") attributes.push(["network.protocol.name", protocolName]);
  if (row.version !== "") attributes.push(["network.protocol.version", row.version]);
  const name =
    describeFamily(row, protocol, side, host?.address ?? serverAddress, attributes) || protocolName || "unknown";
  addIds(row, side, attributes);
  for (let index = 0; index < Math.min(row.attributeNames.length, row.attributeValues.length); index++) {
    const key = row.attributeNames[index] ?? "";
    if (!key.startsWith("sockspan.row"))
      attributes.push([`deepflow.attribute.${key}`, row.attributeValues[index] ?? ""]);
  }
  return { name, kind: kindOf(row, protocol, side), attributes, status: statusOf(row, protocol, side, attributes) };
}

function describeFamily(
  row: L7Row,
  protocol: L7Protocol,
  side: "client" | "server",
  address: string,
  attributes: Attribute[],
): string {
  switch (protocol.family) {
    case L7Family.http:
      return describeHttp(row, side, address, attributes);
    case L7Family.rpc:
      return describeRpc(row, protocol, attributes);
    case L7Family.database:
      return describeDatabase(row, protocol, attributes);
    case L7Family.messaging: {
      const topic = row.endpoint || row.requestDomain;
      attributes.push(["messaging.system", protocol.name]);
      if (row.requestType !== "") attributes.push(["messaging.operation.name", row.requestType]);
      if (PRODUCES.test(row.requestType)) attributes.push(["messaging.operation.type", "send"]);
      else if (CONSUMES.test(row.requestType)) attributes.push(["messaging.operation.type", "receive"]);
      if (topic !== "") attributes.push(["messaging.destination.name", topic]);
      return [row.requestType, topic].filter((part) => part !== "").join(" ");
    }
    case L7Family.dns:
      if (row.requestResource !== "") attributes.push(["dns.question.name", row.requestResource]);
      return `DNS ${row.requestType}`.trim();
    default:
      return row.requestType;
  }
}

function describeHttp(row: L7Row, side: "client" | "server", address: string, attributes: Attribute[]): string {
  const method = METHOD_ATTRIBUTES.get(row.requestType);
  const isTls = (row.flags & RowFlag.tls) !== 0;
  attributes.push(method ?? OTHER_METHOD);
  if (method === undefined && row.requestType !== "") {
    attributes.push(["http.request.method_original", row.requestType]);
  }
  const mark = row.requestResource.indexOf("?");
  const path = mark < 0 ? row.requestResource : row.requestResource.slice(0, mark);
  const query = mark < 0 ? undefined : row.requestResource.slice(mark + 1);
  if (side === "server") {
    attributes.push(isTls ? HTTPS_SCHEME : HTTP_SCHEME, ["url.path", path]);
    if (query !== undefined) attributes.push(["url.query", redactQuery(query)]);
  } else {
    const authority = row.requestDomain === "" ? address : row.requestDomain;
    const suffix = query === undefined ? "" : `?${redactQuery(query)}`;
    attributes.push(["url.full", `${isTls ? "https" : "http"}://${authority}${path}${suffix}`]);
  }
  if (hasCode(row)) attributes.push(["http.response.status_code", row.code]);
  if (row.requestBytes > 0) attributes.push(["http.request.body.size", row.requestBytes]);
  if (row.responseBytes > 0) attributes.push(["http.response.body.size", row.responseBytes]);
  if (row.userAgent !== "") attributes.push(["user_agent.original", row.userAgent]);
  return method === undefined ? "HTTP" : row.requestType;
}

function describeRpc(row: L7Row, protocol: L7Protocol, attributes: Attribute[]): string {
  const path = (row.endpoint || row.requestResource).replace(/^\//, "");
  const slash = path.lastIndexOf("/");
  const service = row.rpcService || (slash > 0 ? path.slice(0, slash) : "");
  const method = slash > 0 ? path.slice(slash + 1) : path || row.requestType;
  const full = service !== "" && method !== "" ? `${service}/${method}` : method;
  attributes.push(["rpc.system.name", protocol.number === L7_GRPC ? "grpc" : protocol.name]);
  if (full !== "") attributes.push(["rpc.method", full]);
  if (hasCode(row)) {
    const name = protocol.number === L7_GRPC ? GRPC_STATUS_NAMES[row.code] : undefined;
    attributes.push(["rpc.response.status_code", name ?? String(row.code)]);
  }
  return full;
}

function describeDatabase(row: L7Row, protocol: L7Protocol, attributes: Attribute[]): string {
  attributes.push(["db.system.name", protocol.name]);
  if (hasCode(row) && row.code !== 0) attributes.push(["db.response.status_code", String(row.code)]);
  const sql =
    SQL_PROTOCOLS.has(protocol.number) && row.requestResource !== ""
      ? summarizeSql(row.requestResource, protocol.number === MYSQL ? "mysql" : "standard")
      : undefined;
  const operation = sql?.operation ?? databaseOperation(row);
  if (operation !== "") attributes.push(["db.operation.name", operation]);
  if (sql?.operation === undefined) return operation;
  if (sql.collection !== undefined) attributes.push(["db.collection.name", sql.collection]);
  if (sql.summary !== undefined) attributes.push(["db.query.summary", sql.summary]);
  attributes.push(["db.query.text", sql.text]);
  return sql.summary ?? operation;
}

/** The command only: the row's text may hold literals. */
function databaseOperation(row: L7Row): string {
  const word = /^[\s(]*([A-Za-z]+)/.exec(row.requestResource)?.[1] ?? "";
  if (/^(?:COM_|P$|Q$|)/.test(row.requestType) && word !== "" && row.requestType !== word) return word.toUpperCase();
  return row.requestType.toUpperCase();
}

function addIds(row: L7Row, side: "client" | "server", attributes: Attribute[]): void {
  const thread = side === "server" ? row.threadId1 : row.threadId0;
  const coroutine = side === "server" ? row.coroutineId1 : row.coroutineId0;
  if (thread !== 0) attributes.push(["thread.id", thread]);
  if (coroutine !== 0n) attributes.push(["sockspan.coroutine.id", coroutine]);
  if (row.requestTcpSeq !== 0) attributes.push(["sockspan.tcp.seq", row.requestTcpSeq]);
}

function hasCode(row: L7Row): boolean {
  return row.code !== NO_CODE && row.status !== RowStatus.timeout && row.kind !== 0;
}

function kindOf(row: L7Row, protocol: L7Protocol, side: "client" | "server"): SpanKind {
  if (side === "server") return SpanKind.server;
  if (protocol.family !== L7Family.messaging) return SpanKind.client;
  if (PRODUCES.test(row.requestType)) return SpanKind.producer;
  return CONSUMES.test(row.requestType) ? SpanKind.consumer : SpanKind.client;
}

function statusOf(row: L7Row, protocol: L7Protocol, side: "client" | "server", attributes: Attribute[]): StatusCode {
  const isHttp = protocol.family === L7Family.http;
  const isError =
    row.status === RowStatus.serverError ||
    row.status === RowStatus.timeout ||
    // A client's mistake is no error of an HTTP or RPC server.
    (row.status === RowStatus.clientError && (side === "client" || (!isHttp && protocol.family !== L7Family.rpc)));
  if (!isError) return StatusCode.unset;
  const type =
    row.status === RowStatus.timeout ? "timeout" : hasCode(row) && row.code !== 0 ? String(row.code) : "_OTHER";
  attributes.push(["error.type", type]);
  return StatusCode.error;
}

function redactQuery(query: string): string {
  return query.replace(/=[^&]*/g, "=REDACTED");
}

function hostOf(domain: string): { address: string; port: number | undefined } {
  if (!domain.includes(":")) return { address: domain, port: undefined };
  const match = /^(\[[^\]]*\]|[^:]*):(\d{1,5})$/.exec(domain);
  if (match === null) return { address: domain, port: undefined };
  return { address: match[1] ?? domain, port: Number(match[2]) };
}
