import type { StageAccount } from "../../mapping/account.ts";
import type { Span } from "../../mapping/span.ts";
import type { DeliveryLog } from "../delivery-log.ts";
import type { OpenBatch, RequestFormat } from "../format/request-format.ts";
import type { QueueSettings } from "../settings/sending-queue.ts";
import { type Delivery, DeliveryEnd } from "./delivery.ts";
import type { HeldRequest, RequestKeeper } from "./request-keeper.ts";

/** OTLP's recommendation and grpc-go's default limit is 4 MiB; the margin is for what a server may add. */
const MAX_REQUEST_SIZE_BYTES = 4 * 1_048_576 - 65_536;
/** Spans that are added between two looks at the limits: by so much they may be passed. */
const SLICE_ITEMS = 256;

interface QueueOptions<Body, Item> {
  readonly settings: QueueSettings;
  readonly format: RequestFormat<Body, Item>;
  readonly delivery: Delivery<Body, Item>;
  readonly account: StageAccount;
  readonly log: DeliveryLog;
  /** Where requests lie that shall survive this process; undefined: nowhere. */
  readonly keeper?: RequestKeeper<Body> | undefined;
}

/**
 * Batches and holds: spans go into the open batch, full or old batches into the queue, the consumers deliver them.
 * When there is no room the newest spans are dropped, since older ones may complete traces that were sent in part.
 * With a keeper a request waits until it is stored, and is taken away there when it has come to its end: one that is
 * under way when the process is killed is sent again by the next.
 */
export class SendingQueue<Body, Item = Span> {
  readonly #options: QueueOptions<Body, Item>;
  readonly #open: OpenBatch<Body, Item>;
  /** On their way into the store. */
  readonly #storing = new Set<HeldRequest<Body>>();
  #waiting: HeldRequest<Body>[] = [];
  #inFlight = new Set<HeldRequest<Body>>();
  #keptItems = 0;
  #heldItems = 0;
  #heldBytes = 0;
  #flushTimer: NodeJS.Timeout | undefined;
  /** The open batch is old or full enough to leave. */
  #due = false;
  #closed = false;
  /** Nothing is sent any more: what is left is the next process's. */
  #stopped = false;
  #idle: (() => void) | undefined;

  constructor(options: QueueOptions<Body, Item>) {
    this.#options = options;
    this.#open = options.format.open();
  }

  get inFlightRequests(): number {
    return this.#inFlight.size;
  }

  get queuedBytes(): number {
    return this.#heldBytes + this.#open.sizeBytes;
  }

  /** In the unit of the sizer. */
  get size(): number {
    const { sizer } = this.#options.settings;
    if (sizer === "requests") return this.#storing.size + this.#waiting.length + this.#inFlight.size;
    return sizer === "items" ? this.#heldItems + this.#open.itemCount : this.queuedBytes;
  }

  get capacity(): number {
    const { enabled, sizer, queue_size, num_consumers } = this.#options.settings;
    return !enabled && sizer === "requests" ? num_consumers : queue_size;
  }

  offer(items: readonly Item[]): void {
    this.#options.account.addIn(items.length);
    for (let from = 0; from < items.length; ) {
      const count = this.#closed ? 0 : Math.min(SLICE_ITEMS, items.length - from, this.#room());
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

  /** Takes up what an earlier process has left; before anything is offered. */
  async recover(): Promise<void> {
    for (const held of (await this.#options.keeper?.open()) ?? []) {
      this.#hold(held);
      this.#waiting.push(held);
    }
    this.#pump();
  }

  /** Nothing is taken any more; resolves when all that was held has come to its end. */
  async drain(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#flushTimer);
    this.#closeBatch();
    this.#pump();
    if (this.#isIdle) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  /** Of what lies in the store for the next process, once this one has stopped. */
  get keptItems(): number {
    return this.#keptItems;
  }

  /** Takes nothing more out of the queue, and says how many items are nowhere else. */
  stop(): number {
    this.#stopped = true;
    const left = [...this.#waiting, ...this.#storing];
    this.#waiting = [];
    this.#storing.clear();
    let lost = 0;
    for (const held of left) {
      this.#release(held);
      this.#options.keeper?.drop(held);
      if (held.key === undefined) lost += held.itemCount;
      else this.#keptItems += held.itemCount;
    }
    this.#settle();
    return lost;
  }

  /** How many spans may still be taken. */
  #room(): number {
    const { settings } = this.#options;
    const memoryBytes = this.#options.keeper?.memoryBytes ?? this.#heldBytes;
    if (memoryBytes + this.#open.sizeBytes >= settings.max_size_bytes) return 0;
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
    const configured = max_size > 0 && sizer === "bytes" ? max_size : MAX_REQUEST_SIZE_BYTES;
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
    while (!this.#stopped && this.#inFlight.size < num_consumers) {
      const held = this.#waiting.shift();
      if (held === undefined) return;
      this.#inFlight.add(held);
      void this.#deliver(held).then((end) => {
        this.#inFlight.delete(held);
        this.#release(held);
        if (end === DeliveryEnd.kept) {
          this.#keptItems += held.itemCount;
          this.#stopped = true;
        }
        this.#pump();
        this.#settle();
      });
    }
  }

  async #deliver(held: HeldRequest<Body>): Promise<DeliveryEnd> {
    const { keeper, delivery } = this.#options;
    const request = held.request ?? (await keeper?.load(held));
    if (request === undefined) return DeliveryEnd.done;
    const end = await delivery.deliver(request, held.key !== undefined);
    if (end === DeliveryEnd.done) await keeper?.forget(held);
    return end;
  }

  #closeBatch(): void {
    this.#due = false;
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    for (const request of this.#open.finish(this.#maxRequestSizeBytes())) {
      const { itemCount, sizeBytes } = request;
      const held: HeldRequest<Body> = { itemCount, sizeBytes, request, key: undefined };
      this.#hold(held);
      if (this.#options.keeper === undefined) this.#waiting.push(held);
      else void this.#store(held, this.#options.keeper);
    }
  }

  async #store(held: HeldRequest<Body>, keeper: RequestKeeper<Body>): Promise<void> {
    this.#storing.add(held);
    await keeper.keep(held);
    // Otherwise it was given up meanwhile.
    if (!this.#storing.delete(held)) return;
    this.#waiting.push(held);
    this.#pump();
    this.#settle();
  }

  get #isIdle(): boolean {
    const isDone = this.#stopped || this.#waiting.length === 0;
    return isDone && this.#inFlight.size === 0 && this.#storing.size === 0;
  }

  #settle(): void {
    if (this.#isIdle) this.#idle?.();
  }

  #hold(held: HeldRequest<Body>): void {
    this.#heldItems += held.itemCount;
    this.#heldBytes += held.sizeBytes;
  }

  #release(held: HeldRequest<Body>): void {
    this.#heldItems -= held.itemCount;
    this.#heldBytes -= held.sizeBytes;
  }
}
