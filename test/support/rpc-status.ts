import protobuf from "protobufjs";

/** google.rpc.Status with google.rpc.RetryInfo (googleapis: google/rpc/status.proto, error_details.proto). */
const root = protobuf.parse(`
  syntax = "proto3";
  package google.rpc;
  message Any { string type_url = 1; bytes value = 2; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message DebugInfo { string detail = 2; }
  message RetryInfo { Duration retry_delay = 1; }
`).root;

/** A status as servers put it into grpc-status-details-bin; other details stand before RetryInfo. */
export function encodeRetryInfoStatus(code: number, message: string, retryDelaySeconds: number | undefined): Buffer {
  const details = [any("DebugInfo", { detail: "overloaded" })];
  if (retryDelaySeconds !== undefined) {
    const seconds = Math.floor(retryDelaySeconds);
    details.push(any("RetryInfo", { retryDelay: { seconds, nanos: (retryDelaySeconds - seconds) * 1e9 } }));
  }
  return encode("Status", { code, message, details });
}

function any(type: string, value: object): object {
  return { typeUrl: `type.googleapis.com/google.rpc.${type}`, value: encode(type, value) };
}

function encode(type: string, value: object): Buffer {
  const lookedUp = root.lookupType(`google.rpc.${type}`);
  return Buffer.from(lookedUp.encode(lookedUp.fromObject(value)).finish());
}
