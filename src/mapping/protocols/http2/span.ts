/** One HTTP/2 stream as an HTTP span, or as an RPC span where it is gRPC. */
import type { Attribute } from "../../span.ts";
import { SpanKind } from "../../span.ts";
import { missingResponse } from "../failure.ts";
import { describeHttp, splitAuthority, statusCodeOf } from "../http/semantics.ts";
import type { Session, SpanFields, SpanView } from "../protocol.ts";
import { GRPC_SERVER_ERRORS, grpcStatusName } from "./grpc-status.ts";
import { type Http2Message, headerOf } from "./message.ts";

/** RFC 9113 section 7 */
const RESET_NAMES = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];

export function describeHttp2(session: Session<Http2Message>, view: SpanView): SpanFields | undefined {
  const { request, response } = session;
  if (request === undefined) return undefined;
  const type = headerOf(request, "content-type") ?? headerOf(response, "content-type");
  const isGrpc = type?.startsWith("application/grpc") || headerOf(response, "grpc-status") !== undefined;
  return isGrpc ? describeGrpc(session, request, view) : describePlain(session, request, view);
}

/** Why a stream ended early, where that is a failure. */
function failure(session: Session<Http2Message>): string | undefined {
  const { request, response } = session;
  const code = response?.resetCode;
  // NO_ERROR after an answer: the server has no use for the rest of the request (RFC 9113 8.1).
  if (code !== undefined && code !== 0) return RESET_NAMES[code] ?? `RST_STREAM_${code}`;
  if (response === undefined && request?.isRefused) return "GOAWAY";
  return missingResponse(session);
}

function describePlain(session: Session<Http2Message>, request: Http2Message, view: SpanView): SpanFields {
  const { response } = session;
  const method = headerOf(request, ":method");
  const target = headerOf(request, ":path");
  const failed = failure(session);
  const fields = describeHttp(
    {
      method: method ?? "GET",
      target: method === "CONNECT" && target === undefined ? (headerOf(request, ":authority") ?? "") : (target ?? "/"),
      authority: headerOf(request, ":authority") ?? headerOf(request, "host"),
      scheme: headerOf(request, ":scheme"),
      version: "2",
      statusCode: statusCodeOf(headerOf(response, ":status")),
      incomplete: undefined,
      requestBodySize: request.bodySize || undefined,
      responseBodySize: response?.bodySize || undefined,
      requestHeader: (name) => headerOf(request, name),
      responseHeader: (name) => headerOf(response, name),
    },
    view,
  );
  const isFailure = failed !== undefined && !fields.isError;
  // What hangs on a header table that was not seen is left out.
  const attributes = fields.attributes.filter(
    ([key]) =>
      (method !== undefined || key !== "http.request.method") &&
      (target !== undefined || !key.startsWith("url.") || key === "url.scheme"),
  );
  if (isFailure) attributes.push(["error.type", failed]);
  return {
    ...fields,
    name: method === undefined ? "HTTP" : fields.name,
    attributes,
    isError: fields.isError || isFailure,
  };
}

function describeGrpc(session: Session<Http2Message>, request: Http2Message, view: SpanView): SpanFields {
  const { response } = session;
  const path = headerOf(request, ":path");
  const rpcMethod = path?.startsWith("/") ? path.slice(1) : path;
  const attributes: Attribute[] = [["rpc.system.name", "grpc"]];
  if (rpcMethod !== undefined) attributes.push(["rpc.method", rpcMethod]);
  const host = splitAuthority(headerOf(request, ":authority") ?? headerOf(request, "host"));
  attributes.push(host?.nameAttribute ?? ["server.address", view.server.address]);
  const port = host?.portAttribute ?? ["server.port", view.server.port];
  if (port[1] !== 0) attributes.push(port);
  attributes.push(["network.protocol.name", "http"], ["network.protocol.version", "2"]);
  const code = headerOf(response, "grpc-status");
  let errorType = failure(session);
  if (code !== undefined) {
    const status = grpcStatusName(code);
    attributes.push(["rpc.response.status_code", status]);
    const isError = view.kind === SpanKind.client ? status !== "OK" : GRPC_SERVER_ERRORS.has(status);
    errorType = isError ? status : undefined;
  } else {
    // A proxy answered in plain HTTP.
    const status = statusCodeOf(headerOf(response, ":status"));
    if (status !== undefined && status !== 200) {
      attributes.push(["http.response.status_code", status]);
      errorType = String(status);
    }
  }
  for (const header of view.options.requestHeaders) {
    const value = headerOf(request, header);
    if (value !== undefined) attributes.push([`rpc.request.metadata.${header}`, [value]]);
  }
  for (const header of view.options.responseHeaders) {
    const value = headerOf(response, header);
    if (value !== undefined) attributes.push([`rpc.response.metadata.${header}`, [value]]);
  }
  if (errorType !== undefined) attributes.push(["error.type", errorType]);
  return { name: rpcMethod ?? "grpc", attributes, isError: errorType !== undefined };
}
