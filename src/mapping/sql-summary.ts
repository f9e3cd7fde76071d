/** What a statement does and to which tables, by its keywords: of low cardinality. */

export interface SqlToken {
  readonly kind: "word" | "quoted" | "literal" | "symbol";
  readonly text: string;
}

const MAX_SUMMARY = 255;

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

export class SummaryBuilder {
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

  add(token: SqlToken): void {
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
