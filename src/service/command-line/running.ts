/** Questions to the sockspans that run on this host. */
import { CONTROL_FOLDER, type ControlQuestion } from "../../ipc/control.ts";
import type { BpfAnswer } from "../../ipc/control-answers.ts";
import { askRunning } from "../../ipc/control-client.ts";
import { NotRunningError } from "../error.ts";

/** Who reloads does not answer for so long: it drains first, and starts anew. */
export const AWAY_MS = 20_000;

/** @throws NotRunningError */
export async function answersOf<T>(question: ControlQuestion): Promise<readonly T[]> {
  const answers = await askRunning(CONTROL_FOLDER, question);
  // One that is older, or does not capture what was asked for, answers with null or an error.
  const usable = answers.filter((answer) => typeof answer === "object" && answer !== null && !("error" in answer));
  if (usable.length === 0) throw new NotRunningError();
  return usable as readonly T[];
}

/** @throws NotRunningError */
export function bpfAnswers(): Promise<readonly BpfAnswer[]> {
  return answersOf<BpfAnswer>({ ask: "bpf" });
}
