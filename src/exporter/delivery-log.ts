/** What the log says of a destination that fails, recovers, or makes an exporter drop. */
import type { Log } from "../log.ts";

const DROP_LOG_INTERVAL_MS = 10_000;
const MAX_SERVER_MESSAGES = 20;
const MAX_SERVER_MESSAGE_LENGTH = 500;

interface Dropped {
  /** Since they were last said. */
  items: number;
  loggedAtMs: number;
  detail: string | undefined;
}

/** What the log says of one destination: changes of its state, and sums of what was lost, never a line per request. */
export class DeliveryLog {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #unit: string;
  readonly #serverMessages = new Set<string>();
  readonly #intervalMs: number;
  readonly #dropped = new Map<string, Dropped>();
  #failure: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log, now: () => number, unit = "spans", intervalMs = DROP_LOG_INTERVAL_MS) {
    this.#log = log;
    this.#now = now;
    this.#unit = unit;
    this.#intervalMs = intervalMs;
  }

  get failure(): string | undefined {
    return this.#failure;
  }

  failed(reason: string): void {
    if (this.#failure === undefined) this.#log.warn("export fails, will retry", { reason });
    this.#failure = reason;
  }

  succeeded(): void {
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#log.info("export works again");
  }

  /** The first loss for a reason is said at once, later ones in sums. */
  dropped(reason: string, items: number, detail?: string): void {
    this.#failure = detail ?? this.#failure;
    const entry = this.#dropped.get(reason) ?? { items: 0, loggedAtMs: Number.NEGATIVE_INFINITY, detail };
    this.#dropped.set(reason, entry);
    entry.items += items;
    entry.detail = detail;
    if (this.#now() - entry.loggedAtMs >= this.#intervalMs) this.#sayDropped(reason, entry);
    else this.#timer ??= setTimeout(() => this.end(), this.#intervalMs).unref();
  }

  /** Says what has not been said yet. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [reason, entry] of this.#dropped) if (entry.items > 0) this.#sayDropped(reason, entry);
  }

  #sayDropped(reason: string, entry: Dropped): void {
    this.#log.warn(`${this.#unit} lost`, { reason, [this.#unit]: entry.items, detail: entry.detail });
    entry.loggedAtMs = this.#now();
    entry.items = 0;
  }

  /** A server's own words (partial_success), each once; also that it rejects without a word. */
  serverSaid(words: string, rejectedItems: number): void {
    const message = words.slice(0, MAX_SERVER_MESSAGE_LENGTH);
    if (
      (message === "" && rejectedItems === 0) ||
      this.#serverMessages.has(message) ||
      this.#serverMessages.size >= MAX_SERVER_MESSAGES
    )
      return;
    this.#serverMessages.add(message);
    this.#log.warn("the server says of an export", { message, [`rejected ${this.#unit}`]: rejectedItems });
  }

  /** At the end of a process. */
  kept(items: number): void {
    this.#log.info(`${this.#unit} wait in the storage for the next start`, { [this.#unit]: items });
  }

  cutDown(reason: string, maxSizeBytes: number): void {
    this.#log.warn("the server takes only smaller requests", { reason, maxSizeBytes });
  }
}
