/** Spans as a table for people: one line each. */
import { escapeText } from "../../escape.ts";
import { type Resource, type Span, SpanKind, StatusCode } from "../../mapping/span.ts";

const COLUMNS = [
  ["TIME", 26],
  ["MS", 10],
  ["PROTOCOL", 12],
  ["CLIENT", 22],
  ["SERVER", 22],
  ["STATUS", 14],
  ["NAME", 0],
] as const;

export function tableHead(): string {
  return row(COLUMNS.map(([title]) => title));
}

export function tableRow(span: Span): string {
  const attributes = new Map(span.attributes);
  const text = (key: string): string | undefined => attributes.get(key)?.toString();
  const duration = Number(span.endTimeUnixNano - span.startTimeUnixNano) / 1e6;
  const status =
    text("error.type") ??
    text("http.response.status_code") ??
    text("rpc.response.status_code") ??
    text("db.response.status_code") ??
    text("dns.response.code") ??
    (span.status === StatusCode.error ? "error" : "");
  const protocol =
    text("db.system.name") ??
    text("messaging.system") ??
    text("rpc.system.name") ??
    text("network.protocol.name") ??
    "";
  const server = endpoint(text("server.address"), text("server.port"));
  const client = endpoint(text("client.address") ?? text("network.local.address"), text("client.port"));
  const peer = endpoint(text("network.peer.address"), text("network.peer.port"));
  const own = processName(span.resource);
  const ends = span.kind === SpanKind.server ? [peer ?? client, own ?? server] : [own ?? client, peer ?? server];
  const [from, to] = ends.map((end) => end ?? "-") as [string, string];
  return row([time(span.startTimeUnixNano), duration.toFixed(3), protocol, from, to, status, span.name]);
}

/** Of a recording the program is known, of a capture none is. */
function processName({ attributes }: Resource): string | undefined {
  const known = new Map(attributes);
  return known.has("process.pid") ? known.get("service.name")?.toString() : undefined;
}

function endpoint(address: string | undefined, port: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  const host = address.includes(":") ? `[${address}]` : address;
  return port === undefined ? host : `${host}:${port}`;
}

/** RFC 3339 with microseconds. */
function time(unixNano: bigint): string {
  const date = new Date(Number(unixNano / 1_000_000n)).toISOString();
  const micros = String((unixNano / 1000n) % 1_000_000n).padStart(6, "0");
  return `${date.slice(0, 19)}.${micros}`;
}

function row(cells: readonly string[]): string {
  const padded = cells.map((cell, index) => escapeText(cell).padEnd(COLUMNS[index]![1]));
  return `${padded.join(" ").trimEnd()}\n`;
}
