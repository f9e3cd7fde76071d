/**
 * The one escaper for text that a traced program or a peer wrote: terminal, logs and HTML all pass here.
 *
 * What it takes out: control characters (escape sequences, line breaks that would forge a log line), bidirectional
 * and invisible characters (text that reads otherwise than it is, Unicode TR36), and lone surrogates.
 */

const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const SHORT: ReadonlyMap<string, string> = new Map([
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

/** Safe on one line of a terminal or a log. Longer texts end with an ellipsis. */
export function escapeText(text: string, maxLength = 4096): string {
  const shown = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return shown.replace(UNSAFE, (character) => SHORT.get(character) ?? escapeCodePoint(character));
}

/** Safe as HTML text and inside a quoted attribute. */
export function escapeHtml(text: string, maxLength = 4096): string {
  return escapeText(text, maxLength).replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function escapeCodePoint(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}
