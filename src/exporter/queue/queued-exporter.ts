import { setTimeout as sleep } from "node:timers/promises";
import { StageAccount } from "../../mapping/account.ts";
import type { Span } from "../../mapping/span.ts";
import { DeliveryLog } from "../delivery-log.ts";
import type { Exporter, ExporterDeps, ExporterState } from "../exporter.ts";
import type { RequestFormat } from "../format/request-format.ts";
import type { RetrySettings } from "../settings/retry-on-failure.ts";
import type { QueueSettings } from "../settings/sending-queue.ts";
import { Delivery } from "./delivery.ts";
import { SendingQueue } from "./queue.ts";
import { RequestKeeper } from "./request-keeper.ts";
import type { Sender } from "./send-outcome.ts";

/** What a destination that fails does not take at once is as safe where it is stored. */
const STORED_DRAIN_MS = 1_000;

interface QueuedExporterOptions<Body, Item> {
  readonly id: string;
  /** What is counted. */
  readonly unit?: "spans" | "profiles";
  readonly format: RequestFormat<Body, Item>;
  readonly sender: Sender<Body>;
  readonly queue: QueueSettings;
  readonly retry: RetrySettings;
  readonly deps: Pick<ExporterDeps, "log" | "now" | "storage">;
}

/** An exporter that sends over a network: a queue in front of a sender. */
export class QueuedExporter<Body, Item = Span> implements Exporter<Item> {
  readonly id: string;
  readonly account: StageAccount;
  readonly #queue: SendingQueue<Body, Item>;
  readonly #delivery: Delivery<Body, Item>;
  readonly #sender: Sender<Body>;
  readonly #log: DeliveryLog;
  readonly #keeper: RequestKeeper<Body> | undefined;

  constructor({ id, unit = "spans", format, sender, queue, retry, deps }: QueuedExporterOptions<Body, Item>) {
    this.id = id;
    this.account = new StageAccount(`exporter/${id}`, unit);
    this.#sender = sender;
    const account = this.account;
    const log = new DeliveryLog(deps.log, deps.now, unit);
    this.#log = log;
    this.#delivery = new Delivery({ format, sender, retry, account, log, now: deps.now });
    this.#keeper = keeperOf(id, { unit, format, queue, deps }, account);
    this.#queue = new SendingQueue({
      settings: queue,
      format,
      delivery: this.#delivery,
      account,
      log,
      keeper: this.#keeper,
    });
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
    await this.#queue.recover();
  }

  consume(items: readonly Item[]): void {
    this.#queue.offer(items);
  }

  async shutdown(deadlineMs: number): Promise<void> {
    const drained = this.#queue.drain();
    this.#delivery.drain();
    const timer = new AbortController();
    const isSafe = this.#keeper?.writeFails === false && this.#log.failure !== undefined;
    const limitMs = isSafe ? Math.min(deadlineMs, STORED_DRAIN_MS) : deadlineMs;
    const timeout = sleep(limitMs, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([drained, timeout]);
    timer.abort();
    // First: what is under way then ends as kept where it is stored.
    this.#delivery.abort();
    const lost = this.#queue.stop();
    if (lost > 0) {
      this.account.addLost("shutdown", lost);
      this.#log.dropped("shutdown", lost);
    }
    await drained;
    const { keptItems } = this.#queue;
    if (keptItems > 0) {
      this.account.addConsumed("stored", keptItems);
      this.#log.kept(keptItems);
    }
    this.#log.end();
    await this.#keeper?.close();
    await this.#sender.close();
  }
}

/** Each exporter and signal has a store of its own, and what is stored in another form is not mixed with it. */
function keeperOf<Body, Item>(
  id: string,
  {
    unit,
    format,
    queue,
    deps,
  }: Required<Pick<QueuedExporterOptions<Body, Item>, "unit" | "format" | "queue" | "deps">>,
  account: StageAccount,
): RequestKeeper<Body> | undefined {
  if (queue.storage === undefined) return undefined;
  const signal = unit === "spans" ? "traces" : "profiles";
  const store = deps.storage(queue.storage).store(`${id}.${signal}.${format.stored.name}`);
  return new RequestKeeper({ store, form: format.stored, account, log: deps.log, unit });
}
