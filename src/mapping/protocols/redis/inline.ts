/** The words of an inline command, as Redis's sdssplitargs splits them. */

const WORD = /\s*(?:"(?<double>(?:[^"\\]|\\.)*)"|'(?<single>(?:[^'\\]|\\.)*)'|(?<plain>[^\s"']+))(?=\s|$)/suy;
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|(.))/gsu;
const CONTROL: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", a: "\x07" };

/**
 * @param isCut the line goes on: its last word may be there in part
 * @returns undefined: the quotes are none that Redis takes
 */
export function inlineWords(line: string, isCut: boolean): string[] | undefined {
  const words: string[] = [];
  const text = line.trim();
  WORD.lastIndex = 0;
  while (WORD.lastIndex < text.length) {
    const groups = WORD.exec(text)?.groups;
    if (groups === undefined) return isCut ? [...words, ""] : undefined;
    const { double, single, plain } = groups;
    words.push(plain ?? single?.replaceAll("\\'", "'") ?? unescaped(double ?? ""));
  }
  return words;
}

function unescaped(text: string): string {
  return text.replace(ESCAPE, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (CONTROL[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
