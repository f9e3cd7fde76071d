/** grpc.io/docs/guides/status-codes */
export const GRPC_STATUS_NAMES: readonly string[] = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

/** Those that are errors on the server's side too (semantic conventions, gRPC). */
export const GRPC_SERVER_ERRORS: ReadonlySet<string> = new Set([
  "UNKNOWN",
  "DEADLINE_EXCEEDED",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
]);

/** A status that no client knows is UNKNOWN to it (grpc.io/docs/guides/status-codes), whatever its text. */
export function grpcStatusName(text: string): string {
  return (/^\d{1,2}$/.test(text) ? GRPC_STATUS_NAMES[Number(text)] : undefined) ?? "UNKNOWN";
}
