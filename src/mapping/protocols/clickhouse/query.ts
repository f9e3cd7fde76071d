/** ClickHouse's query packet (clickhouse.com/docs/native-protocol/client): which fields are there depends on the revision. */
import type { ByteReader } from "../byte-reader.ts";

interface ClickhouseQuery {
  readonly text: string;
  readonly isCompressed: boolean;
  /** W3C, made of the client info's OpenTelemetry fields. */
  readonly traceparent: string | undefined;
}

/** DBMS_MIN_REVISION_WITH_..., src/Core/ProtocolDefines.h */
const Since = {
  clientInfo: 54_032,
  quotaKey: 54_060,
  versionPatch: 54_401,
  textSettings: 54_429,
  interserverSecret: 54_441,
  openTelemetry: 54_442,
  distributedDepth: 54_448,
  startTime: 54_449,
  parallelReplicas: 54_453,
  parameters: 54_459,
  lineNumbers: 54_475,
  jwt: 54_476,
} as const;
const MAX_SETTINGS = 1024;
const MAX_TEXT = 4096;

export function skipText(reader: ByteReader): void {
  reader.skip(reader.varint());
}

/** @param reader behind the packet's type. @returns undefined where it is not a query, or not whole (`reader.failed`) */
export function readQuery(reader: ByteReader, revision: number): ClickhouseQuery | undefined {
  skipText(reader);
  const traceparent = revision >= Since.clientInfo ? clientInfo(reader, revision) : undefined;
  if (!settings(reader, revision >= Since.textSettings)) return undefined;
  if (revision >= Since.interserverSecret) skipText(reader);
  const stage = reader.varint();
  const compression = reader.varint();
  const length = reader.varint();
  const text = reader.utf8(length).slice(0, MAX_TEXT);
  if (revision >= Since.parameters && !settings(reader, true)) return undefined;
  if (reader.failed || stage > 16 || compression > 1) return undefined;
  return { text, isCompressed: compression === 1, traceparent };
}

function clientInfo(reader: ByteReader, revision: number): string | undefined {
  if (reader.uint8() === 0) return undefined;
  skipText(reader);
  skipText(reader);
  skipText(reader);
  if (revision >= Since.startTime) reader.skip(8);
  const isTcp = reader.uint8() === 1;
  if (isTcp) {
    skipText(reader);
    skipText(reader);
    skipText(reader);
    reader.varint();
    reader.varint();
    reader.varint();
  } else {
    reader.uint8();
    skipText(reader);
    if (revision >= 54_443) skipText(reader);
    if (revision >= 54_447) skipText(reader);
  }
  if (revision >= Since.quotaKey) skipText(reader);
  if (revision >= Since.distributedDepth) reader.varint();
  if (isTcp && revision >= Since.versionPatch) reader.varint();
  const traceparent = revision >= Since.openTelemetry ? traceContext(reader) : undefined;
  if (revision >= Since.parallelReplicas) {
    reader.varint();
    reader.varint();
    reader.varint();
  }
  if (revision >= Since.lineNumbers) {
    reader.varint();
    reader.varint();
  }
  if (revision >= Since.jwt && reader.uint8() === 1) skipText(reader);
  return traceparent;
}

/** The trace id as two little-endian halves, the span id, the state, the flags. */
function traceContext(reader: ByteReader): string | undefined {
  if (reader.uint8() === 0) return undefined;
  const hex = (): string => {
    const low = reader.uint32le();
    return (reader.uint32le().toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0")).toLowerCase();
  };
  const traceId = hex() + hex();
  const spanId = hex();
  skipText(reader);
  const flags = reader.uint8();
  return reader.failed ? undefined : `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, "0")}`;
}

/** Names and values, up to an empty name. */
function settings(reader: ByteReader, hasText: boolean): boolean {
  for (let i = 0; i < MAX_SETTINGS && !reader.failed; i++) {
    const length = reader.varint();
    if (length === 0) return true;
    // Before that the value's form hung on the setting.
    if (!hasText) return false;
    reader.skip(length);
    reader.varint();
    skipText(reader);
  }
  return reader.failed;
}
