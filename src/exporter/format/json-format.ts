import { traceRequestJson } from "../../mapping/otlp/trace-json.ts";
import type { Span } from "../../mapping/span.ts";
import type { QueuedRequest } from "../queue/send-outcome.ts";
import { spanListFormat } from "./list-format.ts";
import { bytesForm, type OpenBatch, type RequestFormat } from "./request-format.ts";

/** OTLP's JSON. A span takes about twice the bytes that it takes in protobuf. */
export const jsonFormat: RequestFormat<Uint8Array> = {
  stored: bytesForm("otlp_json"),
  open: () => new JsonBatch(),
  halve: ({ body, itemCount }) => {
    if (itemCount < 2) return undefined;
    const middle = itemCount >> 1;
    return [keepSpans(body, 0, middle), keepSpans(body, middle, itemCount)];
  },
};

/** The list's estimates are of protobuf. */
const JSON_TO_PROTOBUF = 2;

class JsonBatch implements OpenBatch<Uint8Array> {
  readonly #list: OpenBatch<readonly Span[]> = spanListFormat.open();

  get itemCount(): number {
    return this.#list.itemCount;
  }

  get sizeBytes(): number {
    return this.#list.sizeBytes * JSON_TO_PROTOBUF;
  }

  add(spans: readonly Span[]): void {
    this.#list.add(spans);
  }

  finish(maxSizeBytes: number): QueuedRequest<Uint8Array>[] {
    return this.#list.finish(maxSizeBytes / JSON_TO_PROTOBUF).flatMap((request) => encode(request, maxSizeBytes));
  }
}

/** Cuts until the bytes, which are known only now, keep the limit. */
function encode(request: QueuedRequest<readonly Span[]>, maxSizeBytes: number): QueuedRequest<Uint8Array>[] {
  const body = Buffer.from(traceRequestJson(request.body));
  const halves = body.length > maxSizeBytes ? spanListFormat.halve(request) : undefined;
  if (halves !== undefined) return halves.flatMap((half) => encode(half, maxSizeBytes));
  return [{ body, itemCount: request.itemCount, sizeBytes: body.length }];
}

interface JsonRequest {
  resourceSpans: { scopeSpans: { spans: unknown[] }[] }[];
}

function keepSpans(body: Uint8Array, from: number, to: number): QueuedRequest<Uint8Array> {
  const request = JSON.parse(Buffer.from(body).toString()) as JsonRequest;
  let next = 0;
  for (const { scopeSpans } of request.resourceSpans) {
    for (const scope of scopeSpans) {
      scope.spans = scope.spans.filter(() => {
        const index = next++;
        return index >= from && index < to;
      });
    }
  }
  request.resourceSpans = request.resourceSpans.filter(({ scopeSpans }) =>
    scopeSpans.some(({ spans }) => spans.length > 0),
  );
  const kept = Buffer.from(JSON.stringify(request));
  return { body: kept, itemCount: to - from, sizeBytes: kept.length };
}
