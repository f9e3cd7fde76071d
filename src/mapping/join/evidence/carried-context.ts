/**
 * Evidence: the ids of a trace in the request itself, as tracing libraries and proxies write them.
 *
 * Proves: what the sender says. Lies when the sender does: only requests from trusted networks are believed.
 * A context names the sender's span and so the parent. A token names none: SkyWalking's sw8 has spans without ids of 64
 * bits, X-Amzn-Trace-Id often has no span, x-request-id never has one. It joins only what passes through a process
 * (passed-on.ts).
 */

export interface TraceContext {
  /** 32 hex digits, lower case. */
  readonly traceId: string;
  /** 16 hex digits, lower case: the sender's span. */
  readonly spanId: string;
  readonly traceState: string | undefined;
}

/** What a request says of where it belongs. */
export interface Carried {
  readonly context: TraceContext | undefined;
  /** Header and value. */
  readonly token: string | undefined;
}

type Reader = (value: string, header: (name: string) => string | undefined) => TraceContext | undefined;

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ["traceparent", (value, header) => parseTraceparent(value, () => header("tracestate"))],
  ["b3", parseB3Single],
  ["x-b3-traceid", (value, header) => context(value, header("x-b3-spanid"))],
  ["uber-trace-id", parseUber],
  ["x-amzn-trace-id", parseAmazon],
]);

/** In this order, and the first that can be read counts. */
export const DEFAULT_CONTEXT_HEADERS: readonly string[] = [
  "traceparent",
  "b3",
  "x-b3-traceid",
  "uber-trace-id",
  "x-amzn-trace-id",
  "sw8",
  "x-request-id",
];

/** Longer values name nothing. */
const MAX_TOKEN = 512;

/**
 * @param header value of a header, by lower-case name
 * @param names which headers are looked at, lower case; one that we can't read is a token
 */
export function carriedBy(
  header: (name: string) => string | undefined,
  names: readonly string[] = DEFAULT_CONTEXT_HEADERS,
): Carried | undefined {
  let token: string | undefined;
  for (const name of names) {
    const value = header(name);
    if (value === undefined) continue;
    const found = READERS.get(name)?.(value, header);
    if (found !== undefined) return { context: found, token: undefined };
    if (!READERS.has(name) || name === "x-amzn-trace-id") token ??= tokenOf(name, value);
  }
  return token === undefined ? undefined : { context: undefined, token };
}

function tokenOf(name: string, value: string): string | undefined {
  const text = value.trim();
  return text === "" || text.length > MAX_TOKEN ? undefined : `${name}:${text}`;
}

/** W3C Trace Context 3.2: version-traceid-parentid-flags; later versions may append. */
function parseTraceparent(value: string, traceState: () => string | undefined): TraceContext | undefined {
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(value.trim());
  if (match === null || match[1] === "ff" || (match[1] === "00" && match[5] !== undefined)) return undefined;
  return context(match[2], match[3], traceState());
}

/** `{trace}-{span}[-{sampled}[-{parent}]]`; "0" alone says only "do not sample". */
function parseB3Single(value: string): TraceContext | undefined {
  const parts = value.trim().split("-");
  return context(parts[0], parts[1]);
}

/** Jaeger: `{trace}:{span}:{parent}:{flags}`, leading zeros may be left out; the colons may be URL-encoded. */
function parseUber(value: string): TraceContext | undefined {
  const parts = value.trim().replaceAll(/%3a/gi, ":").split(":");
  if (parts.length !== 4) return undefined;
  return context(padded(parts[0], 32), padded(parts[1], 16));
}

/**
 * AWS: `Root=1-{8 hex}-{24 hex};Parent={16 hex};Sampled=1`, in any order; a load balancer may give only the Root
 * (X-Ray developer guide, "Tracing header").
 */
function parseAmazon(value: string): TraceContext | undefined {
  const root = /(?:^|;)\s*Root=1-([0-9a-f]{8})-([0-9a-f]{24})(?:;|$)/i.exec(value);
  const parent = /(?:^|;)\s*Parent=([0-9a-f]{16})(?:;|$)/i.exec(value);
  return root === null || parent === null ? undefined : context(`${root[1]}${root[2]}`, parent[1]);
}

function context(
  traceId: string | undefined,
  spanId: string | undefined,
  traceState?: string,
): TraceContext | undefined {
  const trace = padded(traceId?.toLowerCase(), 32);
  const span = spanId?.toLowerCase();
  if (trace === undefined || span === undefined) return undefined;
  if (!/^[0-9a-f]{32}$/.test(trace) || !/^[0-9a-f]{16}$/.test(span) || /^0+$/.test(trace) || /^0+$/.test(span)) {
    return undefined;
  }
  return { traceId: trace, spanId: span, traceState };
}

/** B3 and Jaeger have traces of 64 bits too: the upper half is zero. */
function padded(text: string | undefined, length: number): string | undefined {
  return text === undefined || text === "" || text.length > length ? undefined : text.padStart(length, "0");
}
