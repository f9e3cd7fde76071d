/** What becomes a message: a request as it is, or the spans of each trace. */
import { splitByTrace } from "../../mapping/otlp/split-by-trace.ts";
import type { QueuedRequest } from "../queue/send-outcome.ts";
import type { KafkaMessage } from "./record-batch.ts";

export interface CountedMessage extends KafkaMessage {
  readonly itemCount: number;
}

/** Always the same messages of the same request. */
export type MessagesOf = (request: QueuedRequest<Uint8Array>) => CountedMessage[];

export const wholeRequest: MessagesOf = ({ body, itemCount }) => [{ key: undefined, value: body, itemCount }];

/** The key is the id of the trace in hexadecimal, as the Collector has it. */
export const protobufByTrace: MessagesOf = ({ body }) =>
  splitByTrace(body).map(({ traceId, bytes, spanCount }) => ({
    key: Buffer.from(traceId),
    value: bytes,
    itemCount: spanCount,
  }));

interface JsonScope {
  readonly spans: readonly { readonly traceId: string }[];
}

interface JsonRequest {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly JsonScope[] }[];
}

export const jsonByTrace: MessagesOf = ({ body }) => {
  const request = JSON.parse(Buffer.from(body).toString()) as JsonRequest;
  const traces = new Map<string, number>();
  for (const { scopeSpans } of request.resourceSpans) {
    for (const { spans } of scopeSpans) {
      for (const { traceId } of spans) traces.set(traceId, (traces.get(traceId) ?? 0) + 1);
    }
  }
  return [...traces].map(([traceId, itemCount]) => ({
    key: Buffer.from(traceId),
    value: Buffer.from(JSON.stringify(onlyTrace(request, traceId))),
    itemCount,
  }));
};

function onlyTrace(request: JsonRequest, traceId: string): JsonRequest {
  const resourceSpans = request.resourceSpans.flatMap((resource) => {
    const scopeSpans = resource.scopeSpans.flatMap((scope) => {
      const spans = scope.spans.filter((span) => span.traceId === traceId);
      return spans.length === 0 ? [] : [{ ...scope, spans }];
    });
    return scopeSpans.length === 0 ? [] : [{ ...resource, scopeSpans }];
  });
  return { ...request, resourceSpans };
}
