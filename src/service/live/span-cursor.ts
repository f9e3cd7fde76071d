/** Where a watcher is in the spans of each sockspan of this host. */
import type { SpansAnswer } from "../../ipc/control-answers.ts";

export class SpanCursors {
  readonly #next = new Map<string, number>();

  /** undefined: it has not been asked yet. */
  after(path: string): number | undefined {
    return this.#next.get(path);
  }

  answered(path: string, answer: SpansAnswer): SpansAnswer {
    this.#next.set(path, answer.next);
    return answer;
  }

  /** One that is gone: another may take its place, and begins anew. */
  gone(path: string): void {
    this.#next.delete(path);
  }
}
