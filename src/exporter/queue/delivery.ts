import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { StageAccount } from "../../mapping/account.ts";
import type { Span } from "../../mapping/span.ts";
import type { DeliveryLog } from "../delivery-log.ts";
import type { RequestFormat } from "../format/request-format.ts";
import type { RetrySettings } from "../settings/retry-on-failure.ts";
import { Backoff } from "./backoff.ts";
import type { QueuedRequest, Sender, SendOutcome } from "./send-outcome.ts";

/** While we shut down, waiting for long is as good as giving up. */
const DRAIN_RETRY_MS = 500;
/** With more Node's timers fire at once; a server may ask for any delay. */
const MAX_PAUSE_MS = 2 ** 31 - 1;

interface DeliveryOptions<Body, Item> {
  readonly format: RequestFormat<Body, Item>;
  readonly sender: Sender<Body>;
  readonly retry: RetrySettings;
  readonly account: StageAccount;
  readonly log: DeliveryLog;
  readonly now: () => number;
}

/** What becomes of a request. */
export const DeliveryEnd = {
  /** Sent, or lost, and counted. */
  done: "done",
  /** It is in a store and stays there for the next process. */
  kept: "kept",
} as const;
export type DeliveryEnd = (typeof DeliveryEnd)[keyof typeof DeliveryEnd];

/** Brings one request to its end: sent, or counted lost with the reason, or left to the next process. */
export class Delivery<Body, Item = Span> {
  readonly #options: DeliveryOptions<Body, Item>;
  readonly #abort = new AbortController();
  #wake = new AbortController();
  #draining = false;
  #sentRequests = 0;
  /** What the server has let through, once it has refused something for its size. */
  #maxSizeBytes: number;

  constructor(options: DeliveryOptions<Body, Item>) {
    this.#options = options;
    this.#maxSizeBytes = options.sender.maxSizeBytes ?? Number.POSITIVE_INFINITY;
    // As many listen as there are consumers.
    setMaxListeners(0, this.#abort.signal, this.#wake.signal);
  }

  get sentRequests(): number {
    return this.#sentRequests;
  }

  get maxSizeBytes(): number {
    return this.#maxSizeBytes;
  }

  /**
   * Never rejects.
   * @param isStored it lies in a store too: when we shut down and it can't be sent at once, it is the next process's
   */
  async deliver(request: QueuedRequest<Body>, isStored = false): Promise<DeliveryEnd> {
    const { retry, log, now } = this.#options;
    const backoff = new Backoff(retry);
    const startedMs = now();
    while (!this.#abort.signal.aborted) {
      const outcome = await this.#attempt(request);
      switch (outcome.kind) {
        case "sent":
          this.#sent(request, outcome.rejectedItems, outcome.message);
          return DeliveryEnd.done;
        case "permanent":
          this.#lose("permanent", request.itemCount, outcome.reason);
          return DeliveryEnd.done;
        case "too_large":
          return await this.#deliverHalves(request, outcome.reason, isStored);
        case "retry": {
          // An abort cuts the attempt short; that is no failure of the server.
          if (this.#abort.signal.aborted) break;
          log.failed(outcome.reason);
          if (this.#draining && isStored) return DeliveryEnd.kept;
          const delayMs = backoff.next(now() - startedMs, outcome.serverDelayMs);
          if (delayMs === undefined) {
            this.#lose("retry_exhausted", request.itemCount, outcome.reason);
            return DeliveryEnd.done;
          }
          await this.#pause(delayMs);
        }
      }
    }
    if (isStored) return DeliveryEnd.kept;
    this.#lose("shutdown", request.itemCount);
    return DeliveryEnd.done;
  }

  /** Waits end now, and become short. */
  drain(): void {
    this.#draining = true;
    this.#wake.abort();
    this.#wake = new AbortController();
    setMaxListeners(0, this.#wake.signal);
  }

  /** What is under way is given up and counted. */
  abort(): void {
    this.#abort.abort();
    this.#wake.abort();
  }

  /** A sender that does not let go when it is told to is left behind. */
  async #attempt(request: QueuedRequest<Body>): Promise<SendOutcome> {
    const { signal } = this.#abort;
    let giveUp = () => {};
    const aborted = new Promise<SendOutcome>((resolve) => {
      giveUp = () => resolve({ kind: "retry", reason: "shutdown", serverDelayMs: undefined });
    });
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      return await Promise.race([this.#options.sender.send(request, signal), aborted]);
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  async #pause(delayMs: number): Promise<void> {
    const ms = Math.min(delayMs, this.#draining ? DRAIN_RETRY_MS : MAX_PAUSE_MS);
    await sleep(ms, undefined, { signal: this.#wake.signal }).catch(() => undefined);
  }

  /** A store has the request whole: when its second half is kept, the first is sent twice. */
  async #deliverHalves(request: QueuedRequest<Body>, reason: string, isStored: boolean): Promise<DeliveryEnd> {
    const halves = this.#options.format.halve(request);
    if (halves === undefined) {
      this.#lose("permanent", request.itemCount, reason);
      return DeliveryEnd.done;
    }
    const limit = Math.max(halves[0].sizeBytes, halves[1].sizeBytes);
    if (limit < this.#maxSizeBytes) {
      this.#maxSizeBytes = limit;
      this.#options.log.cutDown(reason, limit);
    }
    const first = await this.deliver(halves[0], isStored);
    return first === DeliveryEnd.kept ? first : await this.deliver(halves[1], isStored);
  }

  #sent(request: QueuedRequest<Body>, rejected: number, message: string): void {
    const { account, log } = this.#options;
    const rejectedItems = Math.min(rejected, request.itemCount);
    account.addOut(request.itemCount - rejectedItems);
    if (rejectedItems > 0) account.addLost("rejected", rejectedItems);
    this.#sentRequests++;
    log.succeeded();
    log.serverSaid(message, rejectedItems);
  }

  #lose(reason: string, itemCount: number, detail?: string): void {
    this.#options.account.addLost(reason, itemCount);
    this.#options.log.dropped(reason, itemCount, detail);
  }
}
