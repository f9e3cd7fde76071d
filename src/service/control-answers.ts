/** What the worker answers over the control socket, by what is asked; each part of it says what it knows. */
import type { ControlQuestion } from "../ipc/control.ts";

type Ask = ControlQuestion["ask"];
type QuestionOf<A extends Ask> = Extract<ControlQuestion, { readonly ask: A }>;

export class ControlAnswers {
  readonly #answers = new Map<Ask, (question: never) => unknown>();

  set<A extends Ask>(ask: A, answer: (question: QuestionOf<A>) => unknown): void {
    this.#answers.set(ask, answer);
  }

  /** null: nothing of this configuration knows. */
  answer(question: ControlQuestion): unknown {
    return this.#answers.get(question.ask)?.(question as never) ?? null;
  }
}
