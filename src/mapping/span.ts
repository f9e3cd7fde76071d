/** The span value that leaves src/mapping: what OTLP needs, no more. It knows no protocol. */

/** OTLP numbers (opentelemetry/proto/trace/v1/trace.proto, Span.SpanKind). */
export const SpanKind = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;
export type SpanKind = (typeof SpanKind)[keyof typeof SpanKind];

/** OTLP numbers (trace.proto, Status.StatusCode). */
export const StatusCode = { unset: 0, ok: 1, error: 2 } as const;
export type StatusCode = (typeof StatusCode)[keyof typeof StatusCode];

/** Span.flags: bits 0-7 are the W3C trace flags (trace.proto, SpanFlags). */
export const SpanFlags = { sampled: 0x1, hasIsRemote: 0x100, isRemote: 0x200 } as const;

export type AttributeValue = string | number | bigint | boolean | readonly string[] | readonly number[];

/** A list of pairs rather than an object: keys may come from traced programs (header names). */
export type Attribute = readonly [key: string, value: AttributeValue];

/** One object per process (identity is used for grouping when spans are encoded). */
export interface Resource {
  readonly attributes: readonly Attribute[];
}

export interface SpanLink {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  readonly attributes: readonly Attribute[];
}

export interface SpanEvent {
  readonly timeUnixNano: bigint;
  readonly name: string;
  readonly attributes: readonly Attribute[];
}

export interface Span {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  /** 16 hex digits; undefined for a root. */
  readonly parentSpanId: string | undefined;
  readonly traceState: string | undefined;
  /** SpanFlags. */
  readonly flags: number;
  readonly kind: SpanKind;
  readonly name: string;
  readonly startTimeUnixNano: bigint;
  readonly endTimeUnixNano: bigint;
  readonly attributes: readonly Attribute[];
  readonly events: readonly SpanEvent[];
  readonly links: readonly SpanLink[];
  readonly status: StatusCode;
  readonly statusMessage: string | undefined;
  readonly resource: Resource;
}
