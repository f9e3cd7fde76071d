import { validateHeaderName, validateHeaderValue } from "node:http";
import { z } from "zod";

/** Sent with every request. Checked here, so that no attempt to send can fail for it. */
export const headerSettings = z
  .record(z.string(), z.string())
  .superRefine((headers, context) => {
    for (const [name, value] of Object.entries(headers)) {
      if (!isHeader(name, value)) {
        context.addIssue({ code: "custom", path: [name], message: "no HTTP message can carry this header" });
      }
    }
  })
  .default({});

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
