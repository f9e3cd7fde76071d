/** The worker's side of the broker: requests with a deadline, and what the broker says by itself. */
import type { Channel } from "./channel.ts";
import type { ControlQuestion } from "./control.ts";
import { BrokerRequestError } from "./error.ts";
import type { BrokerMessage, Replies, WorkerRequest } from "./messages.ts";

const REQUEST_TIMEOUT_MS = 5000;
/** Bounds what a burst of new processes can hold in memory. */
const PENDING_LIMIT = 10_000;

export type WorkerMessage =
  | { readonly kind: "request"; readonly id: number; readonly request: WorkerRequest }
  | { readonly kind: "event"; readonly name: string; readonly value: unknown }
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown };

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
  readonly type: string;
}

export class BrokerClient {
  readonly #channel: Channel<WorkerMessage, BrokerMessage>;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #onShutdown: () => void = () => {};
  #onAsk: (question: ControlQuestion) => unknown = () => null;

  constructor(channel: Channel<WorkerMessage, BrokerMessage>) {
    this.#channel = channel;
    channel.onMessage((message) => this.#receive(message));
    channel.onClose(() => this.#failAll("it is gone"));
  }

  /** Something was asked and is not answered. */
  get isWaiting(): boolean {
    return this.#pending.size > 0;
  }

  request<R extends WorkerRequest>(request: R): Promise<Replies[R["type"]]> {
    const { type } = request;
    if (this.#pending.size >= PENDING_LIMIT) return Promise.reject(new BrokerRequestError(type, "too many requests"));
    this.#lastId++;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(id, "no answer in time"), REQUEST_TIMEOUT_MS);
      timer.unref();
      this.#pending.set(id, { resolve, reject, timer, type });
      if (!this.#channel.send({ kind: "request", id, request })) this.#fail(id, "it is gone");
    });
  }

  /** Tells main something: `ready`. */
  emit(name: string, value: unknown): void {
    this.#channel.send({ kind: "event", name, value });
  }

  /** The broker wants the worker to drain and end. */
  onShutdown(listener: () => void): void {
    this.#onShutdown = listener;
  }

  /** Somebody asks over the control socket; what the listener returns is the answer. */
  onAsk(listener: (question: ControlQuestion) => unknown): void {
    this.#onAsk = listener;
  }

  #receive(message: BrokerMessage): void {
    if (message.kind === "reply") this.#take(message.id)?.resolve(message.value as never);
    else if (message.kind === "error") this.#fail(message.id, message.message);
    else if (message.kind === "shutdown") this.#onShutdown();
    else if (message.kind === "ask") {
      this.#channel.send({ kind: "answer", id: message.id, value: this.#onAsk(message.question) });
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending !== undefined) {
      clearTimeout(pending.timer);
      this.#pending.delete(id);
    }
    return pending;
  }

  #fail(id: number, reason: string): void {
    const pending = this.#take(id);
    pending?.reject(new BrokerRequestError(pending.type, reason));
  }

  #failAll(reason: string): void {
    for (const id of [...this.#pending.keys()]) this.#fail(id, reason);
  }
}
