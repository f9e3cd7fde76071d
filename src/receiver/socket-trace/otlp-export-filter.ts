/** Recognises spans of OTLP Export calls (opentelemetry-proto, "OTLP/HTTP Request" and the gRPC services). */
import type { Span } from "../../mapping/span.ts";

const PATH = /\/v1(?:development)?\/(?:traces|metrics|logs|profiles)$/;
const SERVICE = /^opentelemetry\.proto\.collector\./;

export function isOtlpExport(span: Span): boolean {
  let isPost = false;
  let isPath = false;
  for (const [key, value] of span.attributes) {
    if (key === "rpc.service" || key === "rpc.method") {
      if (SERVICE.test(String(value))) return true;
    } else if (key === "http.request.method") isPost = value === "POST";
    else if (key === "url.path" || key === "url.full") isPath ||= PATH.test(String(value).split("?", 1)[0] ?? "");
  }
  return isPost && isPath;
}
