/** Texts and numbers of the outermost object of JSON that may be cut anywhere; of an array, of its first object. */

const MAX_VALUES = 32;
const MAX_TEXT = 2048;

export function topLevelTexts(json: string): Map<string, string> {
  const values = new Map<string, string>();
  let depth = 0;
  let key: string | undefined;
  let isValue = false;
  let at = 0;
  let objectDepth = -1;
  while (at < json.length && values.size < MAX_VALUES) {
    const character = json[at]!;
    if (character === '"') {
      const end = textEnd(json, at + 1);
      const text = unescaped(json.slice(at + 1, end < 0 ? json.length : end));
      if (depth === objectDepth && isValue && key !== undefined) values.set(key, text.slice(0, MAX_TEXT));
      else if (depth === objectDepth && !isValue && end >= 0) key = text;
      if (end < 0) break;
      at = end + 1;
      continue;
    }
    if (character === "{" || character === "[") {
      depth++;
      if (character === "{" && objectDepth < 0) {
        if (depth > 2) break;
        objectDepth = depth;
      }
      isValue = false;
    } else if (character === "}" || character === "]") {
      if (depth === objectDepth) break;
      depth--;
    } else if (depth === objectDepth && character === ":") isValue = true;
    else if (depth === objectDepth && character === ",") isValue = false;
    else if (depth === objectDepth && isValue && /[-\d]/.test(character)) {
      const number = /^-?[\d.eE+-]+/.exec(json.slice(at, at + 32))?.[0] ?? character;
      if (key !== undefined && at + number.length < json.length) values.set(key, number);
      at += number.length;
      continue;
    }
    at++;
  }
  return values;
}

function textEnd(json: string, from: number): number {
  for (let at = from; at < json.length; at++) {
    if (json[at] === "\\") at++;
    else if (json[at] === '"') return at;
  }
  return -1;
}

function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\(u[\dA-Fa-f]{4}|.)/gs, (_, code: string) => {
    if (code.length === 5) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" }[code] ?? code;
  });
}
