/** The value types that component schemas share: durations, sizes, endpoints, as a Collector writes them. */
import { z } from "zod";

const DURATION_UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["ns", 1e-6],
  ["us", 1e-3],
  ["µs", 1e-3],
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["b", 1],
  ["kib", 1024],
  ["mib", 1024 ** 2],
  ["gib", 1024 ** 3],
  ["kb", 1000],
  ["mb", 1000 ** 2],
  ["gb", 1000 ** 3],
]);

/** Go's duration syntax, `1m30s`; undefined when it is none. */
export function parseDurationMs(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    totalMs += Number(amount) * (DURATION_UNITS_MS.get(unit ?? "") ?? Number.NaN);
  }
  return totalMs;
}

export function formatDurationMs(durationMs: number): string {
  if (durationMs === 0) return "0s";
  if (durationMs < 1) return `${Math.round(durationMs * 1e6)}ns`;
  if (durationMs % 1000 !== 0) return `${durationMs}ms`;
  if (durationMs % 3_600_000 === 0) return `${durationMs / 3_600_000}h`;
  return durationMs % 60_000 === 0 ? `${durationMs / 60_000}m` : `${durationMs / 1000}s`;
}

/** `4MiB`, `500kB`, or a plain count of bytes; undefined when it is none. */
export function parseSizeBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text);
  const unit = SIZE_UNITS.get((match?.[2] ?? "?").toLowerCase());
  return match === null || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

/** What Node's timers can count to, in whole hours: with more they would fire at once. */
const MAX_DURATION_HOURS = Math.floor((2 ** 31 - 1) / 3_600_000);

/** A duration in the configuration, milliseconds in the program. */
export function durationMs() {
  const problem = 'not a duration, write it like "5s" or "200ms"';
  return z.codec(z.union([z.string(), z.literal(0)], { error: problem }), z.number(), {
    decode: (text, context) => {
      const parsed = parseDurationMs(String(text));
      if (parsed !== undefined && parsed <= MAX_DURATION_HOURS * 3_600_000) return parsed;
      const message = parsed === undefined ? problem : `too long, at most ${MAX_DURATION_HOURS}h is allowed`;
      context.issues.push({ code: "custom", input: text, message });
      return z.NEVER;
    },
    encode: formatDurationMs,
  });
}

/** A size in the configuration, bytes in the program. */
export function sizeBytes() {
  const message = 'not a size, write it like "4MiB" or 4194304';
  return z.codec(z.union([z.string(), z.number().int().nonnegative()], { error: message }), z.number(), {
    decode: (text, context) => {
      const parsed = parseSizeBytes(String(text));
      if (parsed !== undefined && Number.isSafeInteger(parsed)) return parsed;
      context.issues.push({ code: "custom", input: text, message });
      return z.NEVER;
    },
    encode: (bytes) => bytes,
  });
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:8888`, `[::1]:8888`, `localhost:8888`; undefined when it is none. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  return { host: match[1] ?? (match[2] === "" || match[2] === undefined ? "0.0.0.0" : match[2]), port };
}

/** Where an extension listens. */
export function listenAddress() {
  return z.codec(z.string(), z.custom<ListenAddress>(), {
    decode: (text, context) => {
      const parsed = parseListenAddress(text);
      if (parsed !== undefined) return parsed;
      context.issues.push({ code: "custom", input: text, message: 'not host:port, write it like "127.0.0.1:55679"' });
      return z.NEVER;
    },
    encode: formatListenAddress,
  });
}

export function formatListenAddress(address: ListenAddress): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
