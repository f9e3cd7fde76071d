/** Exit codes of the command line. */
import { SockspanError } from "../../error.ts";
import { escapeText } from "../../escape.ts";

export const ExitCode = { fine: 0, failed: 1, wrongUse: 2 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export function exitCodeOf(error: unknown): ExitCode {
  const isWrongUse = error instanceof SockspanError && /^(?:CONFIG|USAGE)_/.test(error.code);
  return isWrongUse ? ExitCode.wrongUse : ExitCode.failed;
}

/** What the user sees of an error: message, code, advice. A defect of ours shows its stack. */
export function formatError(error: unknown): string {
  if (!(error instanceof SockspanError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `sockspan: unexpected error, please report it\n${lines(text)}\n`;
  }
  const [first = "", ...rest] = lines(error.message).split("\n");
  const details = rest.map((line) => `  ${line}\n`).join("");
  return `sockspan: ${first} [${error.code}]\n${details}${lines(error.advice)}\n`;
}

function lines(text: string): string {
  return text
    .split("\n")
    .map((line) => escapeText(line))
    .join("\n");
}
