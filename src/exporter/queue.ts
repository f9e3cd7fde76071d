import type { StageAccount } from "../mapping/account.ts";
import type { Span } from "../mapping/span.ts";
import type { Delivery } from "./delivery.ts";
import type { DeliveryLog } from "./delivery-log.ts";
import { type HeldRequest, QueueContents, type StoreOf } from "./queue-contents.ts";
import type { OpenBatch, RequestFormat } from "./request-format.ts";
import type { QueueSettings } from "./settings/sending-queue.ts";

/** OTLP's recommendation and grpc-go's default limit is 4 MiB; the margin is for what a server may add. */
const maxRequestSizeBytes = 4 * 1_048_576 - 65_536;
/** Spans that are added between two looks at the limits: by so much they may be passed. */
const sliceItems = 256;
const memoryBytes = 64 * 1_048_576;
const diskBytes = 1_073_741_824;

export interface QueueOptions<Body, Item> {
  readonly settings: QueueSettings;
  readonly format: RequestFormat<Body, Item>;
  readonly delivery: Delivery<Body, Item>;
  readonly account: StageAccount;
  readonly log: DeliveryLog;
  readonly store?: StoreOf<Body> | undefined;
}

/**
 * Batches and holds: spans go into the open batch, full or old batches into the queue, the consumers deliver them.
 * When there is no room the newest spans are dropped, since older ones may complete traces that were sent in part.
 */
export class SendingQueue<Body, Item = Span> {
  readonly #options: QueueOptions<Body, Item>;
  readonly #open: OpenBatch<Body, Item>;
  readonly #contents: QueueContents<Body>;
  readonly #maxBytes: number;
  readonly #inFlight = new Set<HeldRequest<Body>>();
  #flushTimer: NodeJS.Timeout | undefined;
  /** The open batch is old or full enough to leave. */
  #due = false;
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(options: QueueOptions<Body, Item>) {
    this.#options = options;
    this.#open = options.format.open();
    const { store, account, log, settings } = options;
    this.#contents = new QueueContents(store, account, log);
    this.#maxBytes = settings.max_size_bytes ?? (store === undefined ? memoryBytes : diskBytes);
  }

  get inFlightRequests(): number {
    return this.#inFlight.size;
  }

  get queuedBytes(): number {
    return this.#contents.bytes + this.#open.sizeBytes;
  }

  /** In the unit of the sizer. */
  get size(): number {
    const { sizer } = this.#options.settings;
    if (sizer === "requests") return this.#contents.waiting + this.#inFlight.size;
    return sizer === "items" ? this.#contents.items + this.#open.itemCount : this.queuedBytes;
  }

  get capacity(): number {
    const { enabled, sizer, queue_size, num_consumers } = this.#options.settings;
    return !enabled && sizer === "requests" ? num_consumers : queue_size;
  }

  offer(items: readonly Item[]): void {
    this.#options.account.addIn(items.length);
    for (let from = 0; from < items.length; ) {
      const count = this.#closed ? 0 : Math.min(sliceItems, items.length - from, this.#room());
      if (count <= 0) {
        const reason = this.#closed ? "shutdown" : "queue_full";
        this.#options.account.addLost(reason, items.length - from);
        this.#options.log.dropped(reason, items.length - from);
        return;
      }
      this.#open.add(items.slice(from, from + count));
      from += count;
      if (this.#isFull()) this.#due = true;
      this.#pump();
    }
    this.#armFlush();
  }

  /** What earlier runs have left goes out. */
  start(): void {
    this.#pump();
  }

  /** Nothing is taken any more; resolves when all that was held has come to its end. */
  async drain(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#flushTimer);
    this.#closeBatch();
    this.#pump();
    if (this.#inFlight.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  /** Forgets what no consumer has taken yet: counted, as lost or as stored. */
  clear(): void {
    this.#contents.clear();
  }

  /** When nothing is in flight any more. */
  close(): void {
    this.#contents.close();
  }

  /** How many spans may still be taken. */
  #room(): number {
    const { settings } = this.#options;
    if (this.queuedBytes >= this.#maxBytes) return 0;
    const { max_size, sizer } = settings.batch;
    // A full batch stays open when the queue has no room for it.
    let room = this.#isFull() ? 0 : Number.POSITIVE_INFINITY;
    if (max_size > 0 && sizer === "items") room = Math.min(room, max_size - this.#open.itemCount);
    if (settings.sizer === "items") room = Math.min(room, this.capacity - this.size);
    if (settings.sizer === "bytes" && this.size >= this.capacity) room = 0;
    return room;
  }

  #isFull(): boolean {
    const { min_size, sizer } = this.#options.settings.batch;
    const size = sizer === "items" ? this.#open.itemCount : this.#open.sizeBytes;
    return this.#open.itemCount > 0 && (size >= min_size || this.#open.sizeBytes >= this.#maxRequestSizeBytes());
  }

  #maxRequestSizeBytes(): number {
    const { max_size, sizer } = this.#options.settings.batch;
    const configured = max_size > 0 && sizer === "bytes" ? max_size : maxRequestSizeBytes;
    return Math.min(configured, this.#options.delivery.maxSizeBytes);
  }

  #armFlush(): void {
    if (this.#flushTimer !== undefined || this.#open.itemCount === 0) return;
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = undefined;
      this.#due = true;
      this.#pump();
    }, this.#options.settings.batch.flush_timeout);
  }

  /** Moves what is due: the open batch into the queue, requests to free consumers. */
  #pump(): void {
    const { sizer, num_consumers } = this.#options.settings;
    if (this.#due && (sizer !== "requests" || this.size < this.capacity)) this.#closeBatch();
    while (this.#inFlight.size < num_consumers) {
      const due = this.#contents.next();
      if (due === undefined) return;
      this.#inFlight.add(due.held);
      void this.#options.delivery.deliver(due.request).then((leftItems) => {
        this.#inFlight.delete(due.held);
        this.#contents.ended(due.held, leftItems);
        this.#pump();
        if (this.#inFlight.size === 0) this.#idle?.();
      });
    }
  }

  #closeBatch(): void {
    this.#due = false;
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    for (const request of this.#open.finish(this.#maxRequestSizeBytes())) {
      const isNext = this.#inFlight.size + this.#contents.waiting < this.#options.settings.num_consumers;
      this.#contents.add(request, isNext);
    }
  }
}
