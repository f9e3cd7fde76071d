/** Exit codes of the command line. */
import { SockspanError } from "../../error.ts";
import { escapeText } from "../../escape.ts";

export const ExitCode = { fine: 0, failed: 1, wrongUse: 2 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** What a configuration or an option names and can't be had: only a start can end with these. */
const UNUSABLE_AT_THE_START: ReadonlySet<string> = new Set([
  "EXPORTER_ENDPOINT_MISSING",
  "EXPORTER_FILE_UNUSABLE",
  "FILE_NOT_OPENED",
  "LISTEN_FAILED",
  "TRIDENT_AGENT_FILE_UNUSABLE",
  "TRIDENT_FILE_UNUSABLE",
  "TRIDENT_LISTEN_FAILED",
  "USER_UNKNOWN",
]);

export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof SockspanError ? exitCodeOfCode(error.code) : ExitCode.failed;
}

/** Of an error that comes from another process, of which the code is known alone. */
export function exitCodeOfCode(code: string): ExitCode {
  const isWrongUse = /^(?:CONFIG|USAGE)_/.test(code) || UNUSABLE_AT_THE_START.has(code);
  return isWrongUse ? ExitCode.wrongUse : ExitCode.failed;
}

/** What the user sees of an error: message, code, advice. A defect of ours shows its stack. */
export function formatError(error: unknown): string {
  if (!(error instanceof SockspanError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `sockspan: unexpected error, please report it\n${lines(text)}\n`;
  }
  const [first = "", ...rest] = lines(error.message).split("\n");
  const report = error.report === "" ? "" : indented(lines(error.report).split("\n"));
  return `sockspan: ${first} [${error.code}]\n${indented(rest)}${lines(error.advice)}\n${report}`;
}

function indented(texts: readonly string[]): string {
  return texts.map((text) => `  ${text}\n`).join("");
}

function lines(text: string): string {
  return text
    .split("\n")
    .map((line) => escapeText(line))
    .join("\n");
}
