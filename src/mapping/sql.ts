/**
 * What may be told of an SQL statement: its text with every literal replaced by `?`, what it does and to which table.
 * One pass, linear in the length of the text, bounded by MAX_INPUT; no grammar of any one dialect, and no claim where
 * the words are not clear.
 */

export interface SqlSummary {
  /** First keyword, upper case: SELECT, INSERT, BEGIN. */
  readonly operation: string | undefined;
  /** The one table that the statement is about; undefined when there is none or more than one. */
  readonly collection: string | undefined;
  /** Of low cardinality: `SELECT orders`, `INSERT orders SELECT cart`. */
  readonly summary: string | undefined;
  /** Literals are `?`, comments are gone, white space is single. */
  readonly text: string;
}

const MAX_INPUT = 16_384;
const MAX_TEXT = 2048;
const MAX_SUMMARY = 255;

export type SqlDialect = "mysql" | "standard";

interface Token {
  readonly kind: "word" | "quoted" | "literal" | "symbol";
  readonly text: string;
}

/** @param dialect `mysql`: double quotes are strings, backslashes escape, `#` begins a comment */
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
  #at = 0;
  /** White space or a comment stood before the last token. */
  hadSpace = false;

  constructor(text: string, dialect: SqlDialect) {
    this.#text = text;
    this.#isMysql = dialect === "mysql";
  }

  next(): Token | undefined {
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

  #word(start: number): Token {
    this.#skipWord();
    const word = this.#text.slice(start, this.#at);
    const next = this.#text[this.#at];
    // N'...', E'...', B'...', X'...', U&'...', _utf8'...'
    if (next === "'" && (word.length === 1 || word.startsWith("_"))) {
      const isEscaping = this.#isMysql || word === "E" || word === "e";
      return this.#string("'", isEscaping);
    }
    if (/^(?:true|false|null)$/i.test(word)) {
      return /^null$/i.test(word) ? { kind: "word", text: word } : { kind: "literal", text: word };
    }
    return { kind: "word", text: word };
  }

  #number(): Token {
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

  #string(quote: string, isEscaping = this.#isMysql): Token {
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

  #quoted(quote: string): Token {
    const start = this.#at;
    const end = this.#text.indexOf(quote, start + 1);
    this.#at = end < 0 ? this.#text.length : end + 1;
    return { kind: "quoted", text: this.#text.slice(start, this.#at) };
  }

  /** `[name]` of SQL Server; `[1]` and `[:]` are subscripts. */
  #bracket(start: number): Token {
    const end = this.#text.indexOf("]", start + 1);
    if (end > 0 && isWordStart(this.#text.charCodeAt(start + 1)) && end - start < 130) {
      this.#at = end + 1;
      return { kind: "quoted", text: this.#text.slice(start, end + 1) };
    }
    this.#at = start + 1;
    return { kind: "symbol", text: "[" };
  }

  /** `$1` is a parameter, `$tag$ ... $tag$` a string. */
  #dollar(start: number): Token {
    const text = this.#text;
    this.#at = start + 1;
    this.#skipWord();
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

/** Words behind which a table's name stands. */
const BEFORE_TABLE = new Set(["FROM", "JOIN", "INTO", "UPDATE", "TABLE", "USING", "TRUNCATE", "DESCRIBE", "DESC"]);
/** Words that may stand between those and the name. */
const PASSED = new Set([
  "IF",
  "NOT",
  "EXISTS",
  "ONLY",
  "LOW_PRIORITY",
  "IGNORE",
  "DELAYED",
  "HIGH_PRIORITY",
  "QUICK",
  "TABLE",
]);
/** Words that a statement within the statement begins with. */
const INNER_OPERATIONS = new Set(["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"]);
const AFTER_FROM_LIST = new Set(
  "WHERE GROUP ORDER HAVING LIMIT SET VALUES UNION ON USING SELECT WINDOW FETCH".split(" "),
);
/** Statements whose name is not a table's. */
const NO_TABLE = new Set(["CALL", "EXEC", "EXECUTE", "USE"]);
/** Statements of two words. */
const OBJECT_OPERATIONS = new Set(["CREATE", "DROP", "ALTER"]);

class SummaryBuilder {
  #operation: string | undefined;
  readonly #tables = new Set<string>();
  #parts: string[] = [];
  /** Operation of the statement in work, where the text holds several. */
  #current: string | undefined;
  #isExpectingTable = false;
  #isInName = false;
  #isNamePart = false;
  #name = "";
  #previousWord = "";
  #isInFromList = false;
  /** One entry for each open parenthesis and one for the statement: a SELECT stands in it, so FROM names tables. */
  readonly #queries: boolean[] = [true];
  #fromDepth = 0;

  add(token: Token): void {
    const { kind, text } = token;
    if (this.#isInName) {
      if (kind === "symbol" && text === ".") {
        this.#name += ".";
        this.#isNamePart = true;
        return;
      }
      if (this.#isNamePart && (kind === "word" || kind === "quoted")) {
        this.#name += unquote(text);
        this.#isNamePart = false;
        return;
      }
      this.#finishName(kind === "symbol" && text === "(");
    }
    if (kind === "symbol") {
      this.#symbol(text);
      return;
    }
    if (kind === "literal") {
      this.#isExpectingTable = false;
      return;
    }
    if (kind === "quoted") {
      if (this.#isExpectingTable) this.#startName(unquote(text));
      return;
    }
    this.#word(text);
  }

  #symbol(text: string): void {
    if (text === "(") {
      this.#isExpectingTable = false;
      if (this.#queries.length < 64) this.#queries.push(false);
    } else if (text === ")") {
      if (this.#queries.length > 1) this.#queries.pop();
    } else if (text === ";" && this.#queries.length === 1) {
      this.#current = undefined;
      this.#isInFromList = false;
    } else if (text === "," && this.#isInFromList && this.#queries.length === this.#fromDepth) {
      this.#isExpectingTable = true;
    }
  }

  #word(text: string): void {
    const upper = text.toUpperCase();
    if (this.#current === undefined) {
      this.#current = upper;
      this.#operation ??= upper;
      if (this.#parts.length < 32) this.#parts.push(upper);
      this.#isExpectingTable = BEFORE_TABLE.has(upper) || NO_TABLE.has(upper) || upper === "COPY";
      this.#previousWord = upper;
      return;
    }
    if (this.#isExpectingTable && !PASSED.has(upper) && !INNER_OPERATIONS.has(upper)) {
      this.#startName(text);
      return;
    }
    if (this.#isExpectingTable && PASSED.has(upper)) return;
    if (AFTER_FROM_LIST.has(upper)) this.#isInFromList = false;
    if (INNER_OPERATIONS.has(upper)) this.#queries[this.#queries.length - 1] = true;
    if (this.#operation === "WITH" && this.#queries.length === 1 && INNER_OPERATIONS.has(upper))
      this.#operation = upper;
    if (
      INNER_OPERATIONS.has(upper) &&
      this.#previousWord !== "FOR" &&
      this.#previousWord !== "ON" &&
      this.#previousWord !== "KEY"
    ) {
      this.#parts.push(upper);
    } else if (
      this.#parts.length === 1 &&
      OBJECT_OPERATIONS.has(this.#current) &&
      this.#previousWord === this.#current
    ) {
      this.#parts.push(upper);
      if (upper === "DATABASE" || upper === "SCHEMA" || upper === "VIEW" || upper === "INDEX")
        this.#isExpectingTable = upper !== "INDEX";
    }
    // FOR UPDATE, ON DUPLICATE KEY UPDATE and ON UPDATE name no table.
    if (
      BEFORE_TABLE.has(upper) &&
      !(upper === "UPDATE" && /^(?:FOR|KEY|ON|DO)$/.test(this.#previousWord)) &&
      upper !== "DESC"
    ) {
      // EXTRACT(YEAR FROM t), SUBSTRING(a FROM 2): no query stands in these parentheses.
      if (this.#current === "COPY") return;
      if (upper !== "FROM" || this.#queries[this.#queries.length - 1]) this.#isExpectingTable = true;
      if (upper === "FROM" && this.#isExpectingTable) {
        this.#isInFromList = true;
        this.#fromDepth = this.#queries.length;
      }
    }
    this.#previousWord = upper;
  }

  #startName(name: string): void {
    this.#name = name;
    this.#isInName = true;
    this.#isNamePart = false;
    this.#isExpectingTable = false;
  }

  #finishName(isCall: boolean): void {
    this.#isInName = false;
    const name = this.#name;
    // FROM unnest(...) is a function; INSERT INTO t (...) and CREATE TABLE t (...) are tables.
    if (isCall && this.#previousWord === "FROM") return;
    if (!NO_TABLE.has(this.#current ?? "") && this.#tables.size < 8) this.#tables.add(name);
    if (this.#parts.length < 32) this.#parts.push(name);
  }

  result(): { operation: string | undefined; collection: string | undefined; summary: string | undefined } {
    if (this.#isInName) this.#finishName(false);
    const collection = this.#tables.size === 1 ? [...this.#tables][0] : undefined;
    let summary: string | undefined;
    for (const part of this.#parts) {
      const longer: string = summary === undefined ? part : `${summary} ${part}`;
      if (longer.length > MAX_SUMMARY) break;
      summary = longer;
    }
    const isWord = this.#operation !== undefined && /^[A-Z_]{2,32}$/.test(this.#operation);
    return {
      operation: isWord ? this.#operation : undefined,
      collection: isWord ? collection : undefined,
      summary: isWord ? summary : undefined,
    };
  }
}

function unquote(text: string): string {
  return /^["`[]/.test(text) ? text.slice(1, -1) : text;
}
