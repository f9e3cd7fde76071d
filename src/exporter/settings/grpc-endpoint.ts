import { z } from "zod";

/** Where a gRPC channel goes to. */
interface GrpcEndpoint {
  /** As the gRPC naming scheme writes it. */
  readonly target: string;
  readonly secure: boolean;
}

const DEFAULT_PORT = 4_317;

export const grpcEndpoint = z.string().refine((text) => parseGrpcEndpoint(text, false) !== undefined, {
  message:
    'not an endpoint, write it like "http://localhost:4317", "https://host:4317", "host:4317" or "unix:/path", with no path behind the port',
});

/**
 * `http://host:port` (plain), `https://host:port` (TLS), `host:port` (TLS unless tls.insecure, as in the Collector),
 * `unix:/path` and `unix:///path` (plain). Undefined when it is none of these.
 */
export function parseGrpcEndpoint(endpoint: string, insecure: boolean): GrpcEndpoint | undefined {
  const path = /^unix:(?:\/\/)?(\/[^/].*)$/i.exec(endpoint)?.[1];
  if (path !== undefined) return { target: `unix:${path}`, secure: false };
  const match = /^(?:(https?):\/\/\/?|(?:dns|passthrough):(?:\/\/\/|(?!\d+\/?$)))?([^/?#@]*[^/?#@:])\/?$/i.exec(
    endpoint,
  );
  const url = tryUrl(`grpc://${match?.[2]}`);
  if (match === null || url === undefined || url.hostname === "") return undefined;
  const scheme = match[1]?.toLowerCase();
  const usualPort = scheme === "https" ? 443 : DEFAULT_PORT;
  const port = url.port === "" ? usualPort : Number(url.port);
  return {
    target: `dns:${url.hostname}:${port}`,
    secure: scheme === "https" || (scheme !== "http" && !insecure),
  };
}

function tryUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
