/** Is an exchange the export of telemetry? Such calls are consumed by default: traces of tracing help nobody. */
import type { Attribute } from "./span.ts";

const HTTP_PATHS = ["/v1/traces", "/v1/metrics", "/v1/logs", "/v1development/profiles"];
const GRPC_PATH = /\/opentelemetry\.proto\.collector\.\w+\.v1\w*\.\w+Service\/Export$/;
const GRPC_METHOD = /^opentelemetry\.proto\.collector\.\w+\.v1\w*\.\w+Service\/Export$/;

/**
 * @param attributes of the span
 * @param contentTypeOf Content-Type of the request
 */
export function isOtlpExport(attributes: readonly Attribute[], contentTypeOf: () => string | undefined): boolean {
  let isPost = false;
  let path: string | undefined;
  // Nearly all that is asked is no export: the first attribute says so.
  if (attributes[0]?.[0] === "http.request.method" && attributes[0][1] !== "POST") return false;
  for (const [key, value] of attributes) {
    if (key === "rpc.method") {
      if (GRPC_METHOD.test(String(value))) return true;
    } else if (key === "http.request.method") isPost = value === "POST";
    else if (key === "url.path") path = String(value);
    else if (key === "url.full") path = /^[a-z]+:\/\/[^/?#]*([^?#]*)/.exec(String(value))?.[1];
  }
  if (!isPost || path === undefined) return false;
  const contentType = contentTypeOf();
  if (contentType === undefined) return false;
  if (contentType.startsWith("application/grpc")) return GRPC_PATH.test(path);
  return /^application\/(x-protobuf|json)\b/.test(contentType) && HTTP_PATHS.some((known) => path.endsWith(known));
}
