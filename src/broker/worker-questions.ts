/** Questions to the worker that wait for their answers. */
import type { ControlQuestion } from "../ipc/control.ts";
import type { BrokerMessage } from "../ipc/messages.ts";

const TIMEOUT_MS = 5000;
const MAX_WAITING = 64;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly timer: NodeJS.Timeout;
}

export class WorkerQuestions {
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  ask(question: ControlQuestion, send: (message: BrokerMessage) => void): Promise<unknown> {
    if (this.#waiting.size >= MAX_WAITING) return Promise.reject(new Error("too many questions"));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error("the worker did not answer in time"));
      }, TIMEOUT_MS);
      timer.unref();
      this.#waiting.set(id, { resolve, timer });
      send({ kind: "ask", id, question });
    });
  }

  answered(id: number, value: unknown): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    waiting.resolve(value);
  }
}
