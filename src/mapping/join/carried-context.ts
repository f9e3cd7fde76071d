/**
 * Evidence: the ids of a trace in the request itself, as tracing libraries write them.
 *
 * Proves: what the sender says. Lies when the sender does: only requests from trusted networks are believed.
 * x-request-id and its like name no span and never join alone; SkyWalking's sw8 has spans without ids of 64 bits.
 */

export interface TraceContext {
  /** 32 hex digits, lower case. */
  readonly traceId: string;
  /** 16 hex digits, lower case: the sender's span. */
  readonly spanId: string;
  readonly traceState: string | undefined;
}

/** @param header value of a header, by lower-case name */
export function carriedContext(header: (name: string) => string | undefined): TraceContext | undefined {
  const traceparent = header("traceparent");
  if (traceparent !== undefined) {
    const context = parseTraceparent(traceparent, () => header("tracestate"));
    if (context !== undefined) return context;
  }
  const b3 = header("b3");
  if (b3 !== undefined) return parseB3Single(b3);
  const b3TraceId = header("x-b3-traceid");
  if (b3TraceId !== undefined) return context(b3TraceId, header("x-b3-spanid"));
  const uber = header("uber-trace-id");
  return uber === undefined ? undefined : parseUber(uber);
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
