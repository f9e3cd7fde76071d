/**
 * What may be told of an SQL statement: its text with every literal replaced by `?`, what it does and to which table.
 * One pass, linear in the length of the text, bounded by MAX_INPUT; no grammar of any one dialect, and no claim where
 * the words are not clear.
 */

import { type SqlToken, type StatementSummary, SummaryBuilder } from "./summary.ts";

/**
 * `operation`: first keyword, upper case: SELECT, INSERT, BEGIN; `BATCH` or `BATCH INSERT` of several statements.
 * `collection`: the one table that the statement is about; undefined when there is none or more than one.
 * `summary`: of low cardinality: `SELECT orders`, `INSERT orders SELECT cart`, `BATCH UPDATE orders`.
 */
interface SqlSummary extends StatementSummary {
  /** Literals are `?`, comments are gone, white space is single. */
  readonly text: string;
}

const MAX_INPUT = 16_384;
const MAX_TEXT = 2048;

export type SqlDialect = "mysql" | "clickhouse" | "standard";

const CLOSING: ReadonlyMap<string, string> = new Map([
  ["[", "]"],
  ["{", "}"],
  ["(", ")"],
  ["<", ">"],
]);

/**
 * @param dialect `mysql`: double quotes are strings, backslashes escape, `#` begins a comment; `clickhouse`: backslashes
 *   escape
 */
export function summarizeSql(statement: string, dialect: SqlDialect = "standard"): SqlSummary {
  const input = statement.length > MAX_INPUT ? statement.slice(0, MAX_INPUT) : statement;
  const reader = new SqlReader(input, dialect);
  const text: string[] = [];
  const summary = new SummaryBuilder();
  let length = 0;
  let previous = "";
  for (let token = reader.next(); token !== undefined; token = reader.next()) {
    summary.add(token);
    if (length >= MAX_TEXT) continue;
    const shown = token.kind === "literal" ? "?" : token.text;
    const gap = reader.hadSpace && length > 0 ? " " : needsSpace(previous, shown) ? " " : "";
    text.push(gap, shown);
    length += gap.length + shown.length;
    previous = shown;
  }
  let joined = collapseLists(text.join(""));
  if (joined.length > MAX_TEXT || input.length < statement.length) joined = `${joined.slice(0, MAX_TEXT)}...`;
  return { ...summary.result(), text: joined };
}

/** `IN (?, ?, ?)` and `VALUES (?, ?), (?, ?)` differ by call: one `?` and one row stand for all. */
function collapseLists(text: string): string {
  return text.replace(/\(\s*\?(?:\s*,\s*\?){1,}\s*\)/g, "(?)").replace(/(\(\?\))(?:\s*,\s*\(\?\)){1,}/g, "$1");
}

function needsSpace(before: string, after: string): boolean {
  return isWordEnd(before) && /^[A-Za-z0-9_?$]/.test(after);
}

function isWordEnd(text: string): boolean {
  return /[A-Za-z0-9_]$/.test(text);
}

class SqlReader {
  readonly #text: string;
  readonly #isMysql: boolean;
  /** Backslashes escape in every string. */
  readonly #isEscaping: boolean;
  #at = 0;
  /** White space or a comment stood before the last token. */
  hadSpace = false;

  constructor(text: string, dialect: SqlDialect) {
    this.#text = text;
    this.#isMysql = dialect === "mysql";
    this.#isEscaping = dialect !== "standard";
  }

  next(): SqlToken | undefined {
    this.hadSpace = this.#skipSpace();
    const text = this.#text;
    const start = this.#at;
    if (start >= text.length) return undefined;
    const code = text.charCodeAt(start);
    if (isWordStart(code)) return this.#word(start);
    if (isDigit(code) || (code === 46 && isDigit(text.charCodeAt(start + 1)))) return this.#number();
    const character = text[start]!;
    if (character === "'" || (character === '"' && this.#isMysql)) return this.#string(character);
    if (character === '"' || character === "`") return this.#quoted(character);
    if (character === "[" && !this.#isMysql) return this.#bracket(start);
    if (character === "$" && !this.#isMysql) return this.#dollar(start);
    // Oracle numbers its binds. In a map of CQL a number behind a colon is a value.
    const isBind =
      character === ":" && isDigit(text.charCodeAt(start + 1)) && /[=(,<>+*/|-]$/.test(text.slice(0, start).trimEnd());
    if (isBind || ((character === "@" || character === ":") && isWordStart(text.charCodeAt(start + 1)))) {
      this.#at = start + 1;
      this.#skipWord();
      return { kind: "symbol", text: text.slice(start, this.#at) };
    }
    this.#at = start + 1;
    return { kind: "symbol", text: character };
  }

  #skipSpace(): boolean {
    const text = this.#text;
    const start = this.#at;
    for (;;) {
      while (this.#at < text.length && text.charCodeAt(this.#at) <= 32) this.#at++;
      const two = text.slice(this.#at, this.#at + 2);
      if (two === "--" || (this.#isMysql && two.startsWith("#"))) {
        const end = text.indexOf("\n", this.#at);
        this.#at = end < 0 ? text.length : end + 1;
      } else if (two === "/*") {
        const end = text.indexOf("*/", this.#at + 2);
        // MySQL runs what stands in /*! ... */.
        if (this.#isMysql && text[this.#at + 2] === "!") {
          this.#at += 3;
          while (isDigit(text.charCodeAt(this.#at))) this.#at++;
        } else this.#at = end < 0 ? text.length : end + 2;
      } else if (two === "*/") {
        this.#at += 2;
      } else return this.#at > start;
    }
  }

  #skipWord(): void {
    while (this.#at < this.#text.length && isWordPart(this.#text.charCodeAt(this.#at))) this.#at++;
  }

  #word(start: number): SqlToken {
    this.#skipWord();
    const word = this.#text.slice(start, this.#at);
    const next = this.#text[this.#at];
    // N'...', E'...', B'...', X'...', U&'...', _utf8'...'
    if (next === "'" && !this.#isMysql && /^n?q$/i.test(word)) return this.#delimited();
    if (next === "'" && (word.length === 1 || word.startsWith("_"))) {
      const isEscaping = this.#isEscaping || word === "E" || word === "e";
      return this.#string("'", isEscaping);
    }
    if (/^(?:true|false|null)$/i.test(word)) {
      return /^null$/i.test(word) ? { kind: "word", text: word } : { kind: "literal", text: word };
    }
    return { kind: "word", text: word };
  }

  #number(): SqlToken {
    const text = this.#text;
    const start = this.#at;
    while (this.#at < text.length) {
      const code = text.charCodeAt(this.#at);
      const isExponentSign =
        (code === 43 || code === 45) &&
        /[eE]/.test(text[this.#at - 1]!) &&
        !/^0[xX]/.test(text.slice(start, start + 2));
      if (!isWordPart(code) && code !== 46 && !isExponentSign) break;
      this.#at++;
    }
    return { kind: "literal", text: "" };
  }

  #string(quote: string, isEscaping = this.#isEscaping): SqlToken {
    const text = this.#text;
    let at = this.#at + 1;
    while (at < text.length) {
      const character = text[at]!;
      if (character === "\\" && isEscaping) at += 2;
      else if (character !== quote) at++;
      else if (text[at + 1] === quote) at += 2;
      else break;
    }
    this.#at = Math.min(at + 1, text.length);
    return { kind: "literal", text: "" };
  }

  /** `'[it's]'` behind the q of Oracle: up to the closing bracket and a quote. */
  #delimited(): SqlToken {
    const opening = this.#text[this.#at + 1] ?? "";
    const closing = CLOSING.get(opening) ?? opening;
    const end = this.#text.indexOf(`${closing}'`, this.#at + 2);
    this.#at = end < 0 ? this.#text.length : end + 2;
    return { kind: "literal", text: "" };
  }

  #quoted(quote: string): SqlToken {
    const start = this.#at;
    const end = this.#text.indexOf(quote, start + 1);
    this.#at = end < 0 ? this.#text.length : end + 1;
    return { kind: "quoted", text: this.#text.slice(start, this.#at) };
  }

  /** `[name]` of SQL Server; `[1]` and `[:]` are subscripts. */
  #bracket(start: number): SqlToken {
    const end = this.#text.indexOf("]", start + 1);
    if (end > 0 && isWordStart(this.#text.charCodeAt(start + 1)) && end - start < 130) {
      this.#at = end + 1;
      return { kind: "quoted", text: this.#text.slice(start, end + 1) };
    }
    this.#at = start + 1;
    return { kind: "symbol", text: "[" };
  }

  /** `$1` is a parameter, `$tag$ ... $tag$` a string. */
  #dollar(start: number): SqlToken {
    const text = this.#text;
    this.#at = start + 1;
    // A tag has no dollar in it.
    while (text[this.#at] !== "$" && isWordPart(text.charCodeAt(this.#at))) this.#at++;
    if (text[this.#at] === "$" && !isDigit(text.charCodeAt(start + 1))) {
      const tag = text.slice(start, this.#at + 1);
      const end = text.indexOf(tag, this.#at + 1);
      this.#at = end < 0 ? text.length : end + tag.length;
      return { kind: "literal", text: "" };
    }
    return { kind: "symbol", text: text.slice(start, this.#at) };
  }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isWordStart(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95 || code > 127;
}

function isWordPart(code: number): boolean {
  return isWordStart(code) || isDigit(code) || code === 36;
}
