import { deserialize, serialize } from "node:v8";
import type { Profile } from "../../mapping/profile.ts";
import type { Attribute, Span } from "../../mapping/span.ts";
import type { QueuedRequest } from "../queue/send-outcome.ts";
import type { OpenBatch, RequestFormat, StoredForm } from "./request-format.ts";

/** For senders that encode by themselves: requests are lists of items, their sizes are estimates. */
function listFormat<Item>(name: string, sizeOf: (item: Item) => number): RequestFormat<readonly Item[], Item> {
  const queued = (items: readonly Item[]): QueuedRequest<readonly Item[]> => {
    const sizeBytes = items.reduce((sum, item) => sum + sizeOf(item), 0);
    return { body: items, itemCount: items.length, sizeBytes };
  };
  return {
    stored: listForm(name),
    open: () => new ItemList(sizeOf),
    halve: ({ body }) => {
      if (body.length < 2) return undefined;
      const middle = body.length >> 1;
      return [queued(body.slice(0, middle)), queued(body.slice(middle))];
    },
  };
}

/** What is shared in the list (resources, frames) is shared in what was read, too. */
function listForm<Item>(name: string): StoredForm<readonly Item[]> {
  return {
    name,
    toBytes: (items) => serialize(items),
    fromBytes: (bytes) => {
      const items: unknown = deserialize(bytes);
      if (!Array.isArray(items)) throw new Error("it is no list");
      return items as Item[];
    },
  };
}

class ItemList<Item> implements OpenBatch<readonly Item[], Item> {
  readonly #sizeOf: (item: Item) => number;
  #items: Item[] = [];
  #sizeBytes = 0;

  constructor(sizeOf: (item: Item) => number) {
    this.#sizeOf = sizeOf;
  }

  get itemCount(): number {
    return this.#items.length;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  add(items: readonly Item[]): void {
    for (const item of items) {
      this.#items.push(item);
      this.#sizeBytes += this.#sizeOf(item);
    }
  }

  finish(maxSizeBytes: number): QueuedRequest<readonly Item[]>[] {
    const requests: QueuedRequest<readonly Item[]>[] = [];
    let open: Item[] = [];
    let openSizeBytes = 0;
    for (const item of this.#items) {
      const sizeBytes = this.#sizeOf(item);
      if (open.length > 0 && openSizeBytes + sizeBytes > maxSizeBytes) {
        requests.push({ body: open, itemCount: open.length, sizeBytes: openSizeBytes });
        open = [];
        openSizeBytes = 0;
      }
      open.push(item);
      openSizeBytes += sizeBytes;
    }
    if (open.length > 0) requests.push({ body: open, itemCount: open.length, sizeBytes: openSizeBytes });
    this.#items = [];
    this.#sizeBytes = 0;
    return requests;
  }
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

const SAMPLE_BYTES = 64;
const FRAME_BYTES = 32;

function estimateProfileBytes({ samples }: Profile): number {
  return samples.reduce((sum, { stack }) => sum + SAMPLE_BYTES + FRAME_BYTES * stack.length, 0);
}

/** The number counts up when what a stored item has in it changes. */
export const spanListFormat = listFormat("spans_1", estimateSizeBytes);
export const profileListFormat = listFormat("profiles_1", estimateProfileBytes);
