import { setTimeout as sleep } from "node:timers/promises";
import { StageAccount } from "../mapping/account.ts";
import type { Span } from "../mapping/span.ts";
import { Delivery } from "./delivery.ts";
import { DeliveryLog } from "./delivery-log.ts";
import type { Exporter, ExporterDeps, ExporterState } from "./exporter.ts";
import { SendingQueue } from "./queue.ts";
import type { StoreOf } from "./queue-contents.ts";
import type { RequestFormat } from "./request-format.ts";
import type { Sender } from "./send-outcome.ts";
import type { RetrySettings } from "./settings/retry-on-failure.ts";
import type { QueueSettings } from "./settings/sending-queue.ts";

/** What a destination that is away does not take is as safe on disk. */
const storedDrainMs = 1_000;

export interface QueuedExporterOptions<Body, Item> {
  readonly id: string;
  /** What is counted. */
  readonly unit?: "spans" | "profiles";
  readonly format: RequestFormat<Body, Item>;
  readonly sender: Sender<Body>;
  readonly queue: QueueSettings;
  readonly retry: RetrySettings;
  /** Where the queue is kept beyond this run. */
  readonly store?: StoreOf<Body> | undefined;
  readonly deps: Pick<ExporterDeps, "log" | "now">;
}

/** An exporter that sends over a network: a queue in front of a sender. */
export class QueuedExporter<Body, Item = Span> implements Exporter<Item> {
  readonly id: string;
  readonly account: StageAccount;
  readonly #queue: SendingQueue<Body, Item>;
  readonly #delivery: Delivery<Body, Item>;
  readonly #sender: Sender<Body>;
  readonly #log: DeliveryLog;
  readonly #isStored: boolean;

  constructor(options: QueuedExporterOptions<Body, Item>) {
    const { id, unit = "spans", format, sender, queue, retry, store, deps } = options;
    this.id = id;
    this.account = new StageAccount(`exporter/${id}`, unit);
    this.#sender = sender;
    this.#isStored = store !== undefined;
    const account = this.account;
    const log = new DeliveryLog(deps.log, deps.now, unit);
    this.#log = log;
    this.#delivery = new Delivery({ format, sender, retry, account, log, now: deps.now });
    this.#queue = new SendingQueue({ settings: queue, format, delivery: this.#delivery, account, log, store });
  }

  get state(): ExporterState {
    return {
      queueSize: this.#queue.size,
      queueCapacity: this.#queue.capacity,
      queuedBytes: this.#queue.queuedBytes,
      inFlightRequests: this.#queue.inFlightRequests,
      failure: this.#log.failure,
      sentRequests: this.#delivery.sentRequests,
    };
  }

  async start(): Promise<void> {
    await this.#sender.start();
    this.#queue.start();
  }

  consume(items: readonly Item[]): void {
    this.#queue.offer(items);
  }

  async shutdown(deadlineMs: number): Promise<void> {
    const drained = this.#queue.drain();
    this.#delivery.drain();
    const timer = new AbortController();
    const limitMs =
      this.#isStored && this.#log.failure !== undefined ? Math.min(deadlineMs, storedDrainMs) : deadlineMs;
    const timeout = sleep(limitMs, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([drained, timeout]);
    timer.abort();
    this.#queue.clear();
    this.#delivery.abort();
    await drained;
    this.#queue.close();
    const stored = this.account.consumed.get("stored") ?? 0;
    if (stored > 0) this.#log.stored(stored);
    await this.#sender.close();
  }
}
