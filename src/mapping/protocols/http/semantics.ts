/**
 * HTTP spans by the stable semantic conventions (docs/http/http-spans.md), for every version of HTTP.
 * No content leaves unasked: query values are redacted, headers are named by the configuration.
 */
import type { Attribute } from "../../span.ts";
import { SpanKind } from "../../span.ts";
import type { SpanFields, SpanView } from "../protocol.ts";
import { describeSearch } from "./elasticsearch.ts";
import type { HttpRpc } from "./rpc.ts";
import { redactQuery, splitTarget } from "./url.ts";

interface HttpExchange {
  readonly method: string;
  /** As it stands in the request: origin, absolute, authority or asterisk form. */
  readonly target: string;
  /** Host or :authority. */
  readonly authority: string | undefined;
  /** Where the protocol carries it (:scheme). */
  readonly scheme: string | undefined;
  readonly version: string;
  /** Where HTTP travels inside another protocol: network.protocol.name. */
  readonly gateway?: string;
  readonly statusCode: number | undefined;
  readonly incomplete: string | undefined;
  readonly requestBodySize: number | undefined;
  readonly responseBodySize: number | undefined;
  readonly requestHeader: (name: string) => string | undefined;
  readonly responseHeader: (name: string) => string | undefined;
  /** The call that the request's body carries. */
  readonly rpc?: HttpRpc | undefined;
}

const KNOWN_METHODS = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]);
// Pairs that many spans have are made once: they are most of what a span would hold.
const METHODS = new Map([...KNOWN_METHODS].map((method) => [method, ["http.request.method", method] as const]));
const PROTOCOL_NAME: Attribute = ["network.protocol.name", "http"];
const SCHEMES = new Map(["http", "https"].map((scheme) => [scheme, ["url.scheme", scheme] as const]));
const VERSIONS = new Map(
  ["1.0", "1.1", "2", "3"].map((version) => [version, ["network.protocol.version", version] as const]),
);
const STATUSES: (Attribute | undefined)[] = [];
/** Our own blindness is no error of the program. */
const FAILURES = new Set(["connection_closed", "timeout"]);
const MAX_TEXT = 2048;

export function describeHttp(exchange: HttpExchange, view: SpanView): SpanFields {
  const isClient = view.kind === SpanKind.client;
  const isKnown = KNOWN_METHODS.has(exchange.method);
  const method = isKnown ? exchange.method : "_OTHER";
  const url = splitTarget(exchange.target, exchange.method === "CONNECT");
  const scheme = url.scheme ?? exchange.scheme ?? (view.isEncrypted ? "https" : "http");
  const host = splitAuthority(url.authority ?? exchange.authority);
  const query = url.query === undefined ? undefined : redactQuery(url.query, view.options.urlQueryParameters);
  const serverPort = host?.port ?? view.server.port;
  const { version, gateway } = exchange;
  // What every span has comes in one piece: an array that grows from its first element is allocated several times.
  const attributes: Attribute[] = [
    METHODS.get(method) ?? ["http.request.method", method],
    host?.nameAttribute ?? ["server.address", view.server.address],
    SCHEMES.get(scheme) ?? ["url.scheme", scheme],
    gateway === undefined ? PROTOCOL_NAME : ["network.protocol.name", gateway],
  ];
  if (gateway === undefined) attributes.push(VERSIONS.get(version) ?? ["network.protocol.version", version]);
  if (!isKnown) attributes.push(["http.request.method_original", clip(exchange.method)]);
  if (serverPort > 0) attributes.push(host?.portAttribute ?? ["server.port", serverPort]);
  if (isClient) {
    const authority = host?.text ?? bracketed(view.server.address, view.server.port);
    // CONNECT names no path, and `*` is none (RFC 9112, section 3.3).
    const path = exchange.method === "CONNECT" || url.path === "*" ? "" : url.path;
    attributes.push(["url.full", clip(`${scheme}://${authority}${path}${query === undefined ? "" : `?${query}`}`)]);
  } else {
    if (exchange.method !== "CONNECT") attributes.push(["url.path", clip(url.path)]);
    if (query !== undefined && query !== "") attributes.push(["url.query", clip(query)]);
  }
  const userAgent = exchange.requestHeader("user-agent");
  if (userAgent !== undefined) attributes.push(["user_agent.original", clip(userAgent)]);
  if (exchange.requestBodySize !== undefined) attributes.push(["http.request.body.size", exchange.requestBodySize]);
  const status = exchange.statusCode;
  // A 304's Content-Length is that of a body which it does not have (RFC 9110 section 8.6).
  if (exchange.responseBodySize !== undefined && status !== 304) {
    attributes.push(["http.response.body.size", exchange.responseBodySize]);
  }
  if (status !== undefined) attributes.push(statusAttribute(status));
  pushHeaders(attributes, "http.request.header.", view.options.requestHeaders, exchange.requestHeader);
  pushHeaders(attributes, "http.response.header.", view.options.responseHeaders, exchange.responseHeader);

  const hasFailed = exchange.incomplete !== undefined && FAILURES.has(exchange.incomplete);
  const isErrorStatus = status !== undefined && status >= (isClient ? 400 : 500);
  if (isErrorStatus) attributes.push(["error.type", String(status)]);
  else if (hasFailed) attributes.push(["error.type", exchange.incomplete!]);
  const search = describeSearch(exchange, url.path, serverPort);
  if (search !== undefined) attributes.push(...search.attributes);
  if (exchange.rpc !== undefined) attributes.push(...exchange.rpc.attributes);
  const name = exchange.rpc?.name ?? search?.name ?? (isKnown ? method : "HTTP");
  return { name, attributes, isError: isErrorStatus || hasFailed };
}

/** Three digits (RFC 9110 section 15); undefined for what is none. */
export function statusCodeOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d\d$/.test(text) ? Number(text) : undefined;
}

/** Content-Length where it is a number. */
export function bodySizeOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function pushHeaders(
  attributes: Attribute[],
  prefix: string,
  names: readonly string[],
  headerValue: (name: string) => string | undefined,
): void {
  for (const name of names) {
    const value = headerValue(name);
    if (value !== undefined) attributes.push([prefix + name, [clip(value)]]);
  }
}

function statusAttribute(status: number): Attribute {
  if (!(status >= 100 && status < 600)) return ["http.response.status_code", status];
  STATUSES[status] ??= ["http.response.status_code", status];
  return STATUSES[status]!;
}

interface Authority {
  readonly nameAttribute: Attribute;
  readonly portAttribute: Attribute | undefined;
  readonly name: string;
  readonly port: number | undefined;
  readonly text: string;
}

/** A program is called by few names. */
const authorities = new Map<string, Authority | undefined>();
const MAX_AUTHORITIES = 256;

export function splitAuthority(text: string | undefined): Authority | undefined {
  if (text === undefined) return undefined;
  if (authorities.has(text)) return authorities.get(text);
  const authority = parseAuthority(text);
  if (authorities.size >= MAX_AUTHORITIES) authorities.clear();
  if (text.length <= MAX_TEXT) authorities.set(text, authority);
  return authority;
}

/** `host`, `host:port`, `[v6]:port`; undefined where it is none of them. User information is nobody's to see. */
function parseAuthority(given: string): Authority | undefined {
  const text = given.slice(given.lastIndexOf("@") + 1);
  if (text === "" || !/^[\x21-\x7e\x80-\xff]+$/.test(text)) return undefined;
  const colon = text.lastIndexOf(":");
  const hasPort = colon > 0 && colon > text.lastIndexOf("]");
  if (!hasPort) return authorityOf(unbracketed(text), undefined, text);
  const digits = text.slice(colon + 1);
  const port = Number(digits);
  if (!/^\d{0,5}$/.test(digits) || port > 65_535) return undefined;
  return authorityOf(unbracketed(text.slice(0, colon)), port === 0 ? undefined : port, text);
}

function authorityOf(name: string, port: number | undefined, text: string): Authority {
  return {
    name,
    port,
    text,
    nameAttribute: ["server.address", clip(name)],
    portAttribute: port === undefined ? undefined : ["server.port", port],
  };
}

function unbracketed(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}

/** A path can't stand in an URL's authority: it is this host's. */
function bracketed(address: string, port: number): string {
  if (port === 0) return "localhost";
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

function clip(text: string): string {
  return text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text;
}
