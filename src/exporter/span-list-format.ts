import type { Attribute, Span } from "../mapping/span.ts";
import type { OpenBatch, RequestFormat } from "./request-format.ts";
import type { QueuedRequest } from "./send-outcome.ts";

/** For senders that encode by themselves: requests are lists of spans, their sizes are estimates. */
export const spanListFormat: RequestFormat<readonly Span[]> = {
  open: () => new SpanList(),
  halve: ({ body }) => {
    if (body.length < 2) return undefined;
    const middle = body.length >> 1;
    return [toQueued(body.slice(0, middle)), toQueued(body.slice(middle))];
  },
};

class SpanList implements OpenBatch<readonly Span[]> {
  #spans: Span[] = [];
  #sizeBytes = 0;

  get itemCount(): number {
    return this.#spans.length;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  add(spans: readonly Span[]): void {
    for (const span of spans) {
      this.#spans.push(span);
      this.#sizeBytes += estimateSizeBytes(span);
    }
  }

  finish(maxSizeBytes: number): QueuedRequest<readonly Span[]>[] {
    const requests: QueuedRequest<readonly Span[]>[] = [];
    let open: Span[] = [];
    let openSizeBytes = 0;
    for (const span of this.#spans) {
      const sizeBytes = estimateSizeBytes(span);
      if (open.length > 0 && openSizeBytes + sizeBytes > maxSizeBytes) {
        requests.push({ body: open, itemCount: open.length, sizeBytes: openSizeBytes });
        open = [];
        openSizeBytes = 0;
      }
      open.push(span);
      openSizeBytes += sizeBytes;
    }
    if (open.length > 0) requests.push({ body: open, itemCount: open.length, sizeBytes: openSizeBytes });
    this.#spans = [];
    this.#sizeBytes = 0;
    return requests;
  }
}

function toQueued(spans: readonly Span[]): QueuedRequest<readonly Span[]> {
  const sizeBytes = spans.reduce((sum, span) => sum + estimateSizeBytes(span), 0);
  return { body: spans, itemCount: spans.length, sizeBytes };
}

/** On the high side for protobuf (three bytes per character are rare), so that a limit is kept. */
function estimateSizeBytes(span: Span): number {
  let size = 120 + span.name.length * 2 + (span.statusMessage?.length ?? 0) * 2 + attributesSizeBytes(span.attributes);
  for (const event of span.events) size += 40 + event.name.length * 2 + attributesSizeBytes(event.attributes);
  for (const link of span.links) size += 48 + attributesSizeBytes(link.attributes);
  return size;
}

function attributesSizeBytes(attributes: readonly Attribute[]): number {
  let size = 0;
  for (const [key, value] of attributes) {
    size += 16 + key.length;
    if (typeof value === "string") size += value.length * 2;
    else if (typeof value === "object") size += value.reduce<number>((sum, item) => sum + 12 + String(item).length, 0);
    else size += 8;
  }
  return size;
}
