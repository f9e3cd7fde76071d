/** Is an exchange the export of telemetry? Such calls are consumed by default: traces of tracing help nobody. */
import type { Attribute } from "./span.ts";

/** traces, metrics, logs, profiles. */
const HTTP_PATH = /\/v1(?:development)?\/(traces|metrics|logs|profiles)$/;
const GRPC_METHOD = /(?:^|\/)opentelemetry\.proto\.collector\.(\w+)\.v1\w*\.\w+Service\/Export$/;

/**
 * The signal that is exported; `trace` over gRPC is `traces` here. undefined: it is no export.
 *
 * @param attributes of the span
 * @param contentTypeOf Content-Type of the request
 */
export function otlpExport(
  attributes: readonly Attribute[],
  contentTypeOf: () => string | undefined,
): string | undefined {
  let isPost = false;
  let path: string | undefined;
  // Nearly all that is asked is no export: the first attribute says so.
  if (attributes[0]?.[0] === "http.request.method" && attributes[0][1] !== "POST") return undefined;
  for (const [key, value] of attributes) {
    if (key === "rpc.method") {
      const signal = GRPC_METHOD.exec(String(value))?.[1];
      if (signal !== undefined) return plural(signal);
    } else if (key === "http.request.method") isPost = value === "POST";
    else if (key === "url.path") path = String(value);
    else if (key === "url.full") path = /^[a-z]+:\/\/[^/?#]*([^?#]*)/.exec(String(value))?.[1];
  }
  if (!isPost || path === undefined) return undefined;
  const contentType = contentTypeOf();
  if (contentType === undefined) return undefined;
  if (contentType.startsWith("application/grpc")) {
    const signal = GRPC_METHOD.exec(path)?.[1];
    return signal === undefined ? undefined : plural(signal);
  }
  return /^application\/(x-protobuf|json)\b/.test(contentType) ? HTTP_PATH.exec(path)?.[1] : undefined;
}

function plural(signal: string): string {
  return signal.endsWith("s") ? signal : `${signal}s`;
}
