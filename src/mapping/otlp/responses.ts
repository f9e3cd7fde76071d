import { asInt64, asText, readFields } from "./wire-reader.ts";

/** ExportTracePartialSuccess (trace_service.proto), and that of profiles, whose fields have the same numbers. */
export interface PartialSuccess {
  readonly rejectedItems: number;
  readonly message: string;
}

/** google.rpc.Status, as OTLP servers send it in grpc-status-details-bin and in HTTP bodies. */
interface RpcStatus {
  readonly code: number;
  readonly message: string;
  /** google.rpc.RetryInfo.retry_delay among the details. */
  readonly retryDelayMs: number | undefined;
}

/** Export...ServiceResponse {partial_success = 1 {rejected_spans or rejected_profiles = 1, error_message = 2}}. */
export function readExportResponse(bytes: Uint8Array): PartialSuccess {
  let rejectedItems = 0;
  let message = "";
  let end = 0;
  for (const outer of readFields(bytes)) {
    end = outer.end;
    if (outer.field !== 1) continue;
    let innerEnd = 0;
    for (const field of readFields(outer.bytes)) {
      innerEnd = field.end;
      if (field.field === 1) rejectedItems = asInt64(field.value);
      else if (field.field === 2) message = asText(field.bytes);
    }
    if (innerEnd !== outer.bytes.length) return noMessage;
  }
  return end === bytes.length ? { rejectedItems: Math.max(0, rejectedItems), message } : noMessage;
}

/** Whoever answers so may have taken nothing; the protocol says that it took all. */
const noMessage: PartialSuccess = { rejectedItems: 0, message: "its answer is no protobuf" };

/** Status {code = 1, message = 2, repeated Any details = 3}. */
export function readRpcStatus(bytes: Uint8Array): RpcStatus {
  let code = 0;
  let message = "";
  let retryDelayMs: number | undefined;
  for (const field of readFields(bytes)) {
    if (field.field === 1) code = asInt64(field.value);
    else if (field.field === 2) message = asText(field.bytes);
    else if (field.field === 3) retryDelayMs = readRetryInfo(field.bytes) ?? retryDelayMs;
  }
  return { code, message, retryDelayMs };
}

/** Any {type_url = 1, value = 2} with RetryInfo {retry_delay = 1}; Duration {seconds = 1, nanos = 2}. */
function readRetryInfo(any: Uint8Array): number | undefined {
  let type = "";
  let value: Uint8Array | undefined;
  for (const field of readFields(any)) {
    if (field.field === 1) type = asText(field.bytes);
    else if (field.field === 2) value = field.bytes;
  }
  if (value === undefined || !type.endsWith("google.rpc.RetryInfo")) return undefined;
  let delayMs = 0;
  for (const field of readFields(value)) {
    if (field.field !== 1) continue;
    for (const part of readFields(field.bytes)) {
      if (part.field === 1) delayMs += asInt64(part.value) * 1_000;
      else if (part.field === 2) delayMs += asInt64(part.value) / 1_000_000;
    }
  }
  return Math.max(0, delayMs);
}
