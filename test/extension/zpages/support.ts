/** A span with a name, a status code and a service, whatever the test does not say. */
import type { Resource, Span } from "../../../src/mapping/span.ts";
import { makeSpan } from "../../support/spans.ts";

export const TRACE_ID = "0123456789abcdef0123456789abcdef";

export function resource(service: string): Resource {
  return { attributes: [["service.name", service]] };
}

export function span(change: Partial<Span> = {}): Span {
  return makeSpan({ traceId: TRACE_ID, parentSpanId: undefined, name: "GET", resource: resource("shop"), ...change });
}
