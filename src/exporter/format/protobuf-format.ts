import { halveRequest } from "../../mapping/otlp/split-request.ts";
import { type EncodedRequest, TraceRequestBuilder } from "../../mapping/otlp/trace-request.ts";
import type { Span } from "../../mapping/span.ts";
import type { QueuedRequest } from "../queue/send-outcome.ts";
import { bytesForm, type OpenBatch, type RequestFormat } from "./request-format.ts";

/** Spans are encoded when they come: the queue then holds bytes outside of the JavaScript heap, counted exactly. */
export const protobufFormat: RequestFormat<Uint8Array> = {
  stored: bytesForm("otlp_proto"),
  open: () => new ProtobufBatch(),
  halve: ({ body, itemCount }) => {
    const halves = halveRequest({ bytes: body, spanCount: itemCount });
    return halves === undefined ? undefined : [toQueued(halves[0]), toQueued(halves[1])];
  },
};

class ProtobufBatch implements OpenBatch<Uint8Array> {
  readonly #builder = new TraceRequestBuilder();

  get itemCount(): number {
    return this.#builder.spanCount;
  }

  get sizeBytes(): number {
    return this.#builder.sizeBytes;
  }

  add(spans: readonly Span[]): void {
    this.#builder.add(spans);
  }

  finish(maxSizeBytes: number): QueuedRequest<Uint8Array>[] {
    return this.#builder.finish(maxSizeBytes).map(toQueued);
  }
}

function toQueued({ bytes, spanCount }: EncodedRequest): QueuedRequest<Uint8Array> {
  return { body: bytes, itemCount: spanCount, sizeBytes: bytes.length };
}
