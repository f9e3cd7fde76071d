import { validateHeaderName, validateHeaderValue } from "node:http";
import { z } from "zod";

/** Sent with every request. Checked here, so that no attempt to send can fail for it. */
export const httpHeaders = headersThat(isHttpHeader, "no HTTP message can carry this header");
export const grpcHeaders = headersThat(
  isGrpcHeader,
  "no gRPC call can carry this header: printable ASCII alone, or bytes in base64 where the name ends with -bin",
);

function headersThat(isRight: (name: string, value: string) => boolean, message: string) {
  return z
    .record(z.string(), z.string())
    .superRefine((headers, context) => {
      for (const [name, value] of Object.entries(headers)) {
        if (!isRight(name, value)) context.addIssue({ code: "custom", path: [name], message });
      }
    })
    .default({});
}

/** How long the body is, and how it is framed, the sender alone knows. */
const FRAMING: ReadonlySet<string> = new Set(["content-length", "transfer-encoding", "content-encoding"]);

function isHttpHeader(name: string, value: string): boolean {
  return isHeader(name, value) && !FRAMING.has(name.toLowerCase());
}

/** gRPC over HTTP2, Custom-Metadata. */
function isGrpcHeader(name: string, value: string): boolean {
  if (!isHeader(name, value) || !/^[0-9a-z_.-]+$/i.test(name)) return false;
  return name.toLowerCase().endsWith("-bin") ? /^[\w+/-]*=*$/.test(value) : /^[\x20-\x7e]*$/.test(value);
}

function isHeader(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    // The pseudo-headers and gRPC's own are not the user's.
    return !name.startsWith(":") && !name.toLowerCase().startsWith("grpc-");
  } catch {
    return false;
  }
}
