/** Spans as a table for people: one line each. */
import { escapeText } from "../../escape.ts";
import { type Span, StatusCode } from "../../mapping/span.ts";

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
  const server = endpoint(
    text("network.peer.address") ?? text("server.address"),
    text("network.peer.port") ?? text("server.port"),
  );
  const client = endpoint(
    text("network.local.address") ?? text("client.address"),
    text("network.local.port") ?? text("client.port"),
  );
  return row([time(span.startTimeUnixNano), duration.toFixed(3), protocol, client, server, status, span.name]);
}

function endpoint(address: string | undefined, port: string | undefined): string {
  if (address === undefined) return "-";
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
