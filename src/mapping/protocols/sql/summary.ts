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
  "LATERAL",
]);
/** Words that a statement within the statement begins with. */
const INNER_OPERATIONS = new Set(["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"]);
const AFTER_FROM_LIST = new Set(
  "WHERE GROUP ORDER HAVING LIMIT SET VALUES UNION ON USING SELECT WINDOW FETCH".split(" "),
);
/** What a name stands for. */
type Target = "table" | "namespace" | "procedure" | "other";
/** Statements whose name is not a table's. */
const NO_TABLE: ReadonlyMap<string, Target> = new Map([
  ["CALL", "procedure"],
  ["EXEC", "procedure"],
  // Of a prepared statement in most dialects.
  ["EXECUTE", "other"],
  ["USE", "namespace"],
]);
/** Statements of two words. */
const OBJECT_OPERATIONS = new Set(["CREATE", "DROP", "ALTER"]);
/** Words that may stand between the two. */
const BEFORE_OBJECT = new Set(
  (
    "OR REPLACE TEMP TEMPORARY GLOBAL LOCAL UNLOGGED UNIQUE EXTERNAL FOREIGN MATERIALIZED RECURSIVE ALGORITHM UNDEFINED MERGE " +
    "TEMPTABLE DEFINER CURRENT_USER SQL SECURITY INVOKER AGGREGATE CONSTRAINT EDITIONABLE NONEDITIONABLE"
  ).split(" "),
);
const OBJECTS: ReadonlyMap<string, Target> = new Map([
  ["VIEW", "table"],
  ["DATABASE", "namespace"],
  ["SCHEMA", "namespace"],
  ["KEYSPACE", "namespace"],
]);
/** What they create has statements of its own. */
const ROUTINES = new Set(["PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"]);
/** Behind BEGIN they begin a transaction, anything else a block of statements that are one. */
const AFTER_BEGIN = new Set("TRANSACTION TRAN WORK ISOLATION READ DEFERRED IMMEDIATE EXCLUSIVE CONCURRENT".split(" "));

export interface StatementSummary {
  readonly operation: string | undefined;
  readonly collection: string | undefined;
  readonly summary: string | undefined;
  /** Database or schema that the statement is about as a whole. */
  readonly namespace: string | undefined;
  readonly procedure: string | undefined;
  /** How many statements the text holds, where it holds several. */
  readonly batchSize: number | undefined;
}

/** Of a text that holds one statement or several. */
export class SummaryBuilder {
  #statement = new StatementReader();
  #count = 0;
  #all: StatementSummary | undefined;

  add(token: SqlToken): void {
    this.#statement.add(token);
    if (!this.#statement.isAtEnd) return;
    this.#finish();
    this.#statement = new StatementReader();
  }

  result(): StatementSummary {
    this.#finish();
    const all = this.#all ?? this.#statement.result();
    if (this.#count < 2) return all;
    const { operation, summary } = all;
    return {
      ...all,
      operation: operation === undefined ? "BATCH" : `BATCH ${operation}`,
      summary: summary === undefined ? "BATCH" : `BATCH ${summary}`.slice(0, MAX_SUMMARY),
      batchSize: this.#count,
    };
  }

  /** Keeps what all statements have in common. */
  #finish(): void {
    if (this.#statement.isEmpty) return;
    const last = this.#statement.result();
    const all = this.#all;
    if (this.#count++ === 0 || all === undefined) {
      this.#all = last;
      return;
    }
    const common = (key: "operation" | "collection" | "summary" | "namespace" | "procedure"): string | undefined =>
      all[key] === last[key] ? last[key] : undefined;
    this.#all = {
      operation: common("operation"),
      collection: common("collection"),
      summary: common("summary"),
      namespace: common("namespace"),
      procedure: common("procedure"),
      batchSize: undefined,
    };
  }
}

class StatementReader {
  /** Behind the semicolon. */
  isAtEnd = false;
  #operation: string | undefined;
  readonly #tables = new Set<string>();
  #namespace: string | undefined;
  #procedure: string | undefined;
  #parts: string[] = [];
  /** The first word. */
  #current: string | undefined;
  #isExpectingObject = false;
  #isExpectingTable = false;
  #target: Target = "table";
  /** Its semicolons end statements within it. */
  #isBlock = false;
  /** A routine's name has been read, and nothing more is looked at. */
  #isBody = false;
  #isInName = false;
  #isNamePart = false;
  #name = "";
  #previousWord = "";
  #isInFromList = false;
  /** One entry for each open parenthesis and one for the statement: a SELECT stands in it, so FROM names tables. */
  readonly #queries: boolean[] = [true];
  #fromDepth = 0;

  get isEmpty(): boolean {
    return this.#current === undefined;
  }

  add(token: SqlToken): void {
    const { kind, text } = token;
    if (this.#isBody) return;
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
      this.isAtEnd = !this.#isBlock;
      this.#isInFromList = false;
    } else if (text === "," && this.#isInFromList && this.#queries.length === this.#fromDepth) {
      this.#isExpectingTable = true;
    }
  }

  #word(text: string): void {
    const upper = text.toUpperCase();
    if (this.#current === undefined) {
      this.#current = upper;
      this.#operation = upper;
      this.#parts.push(upper);
      this.#isExpectingTable = BEFORE_TABLE.has(upper) || NO_TABLE.has(upper) || upper === "COPY";
      this.#target = NO_TABLE.get(upper) ?? "table";
      this.#isExpectingObject = OBJECT_OPERATIONS.has(upper);
      this.#isBlock = upper === "DECLARE";
      if (INNER_OPERATIONS.has(upper)) this.#queries[this.#queries.length - 1] = true;
      this.#previousWord = upper;
      return;
    }
    if (this.#previousWord === "BEGIN" && this.#current === "BEGIN" && !AFTER_BEGIN.has(upper)) this.#isBlock = true;
    if (this.#isExpectingObject) {
      this.#object(upper);
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
    const isInner = INNER_OPERATIONS.has(upper) && !/^(?:FOR|ON|KEY)$/.test(this.#previousWord);
    if (isInner && this.#parts.length < 32) this.#parts.push(upper);
    // FOR UPDATE, ON DUPLICATE KEY UPDATE, ON UPDATE and MERGE's THEN UPDATE name no table.
    if (
      BEFORE_TABLE.has(upper) &&
      !(upper === "UPDATE" && /^(?:FOR|KEY|ON|DO|THEN)$/.test(this.#previousWord)) &&
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

  /** TABLE, VIEW, DATABASE: what is created, changed or dropped. */
  #object(upper: string): void {
    if (BEFORE_OBJECT.has(upper)) return;
    this.#isExpectingObject = false;
    this.#previousWord = upper;
    this.#parts.push(upper);
    this.#target = ROUTINES.has(upper) ? "procedure" : (OBJECTS.get(upper) ?? "table");
    this.#isExpectingTable = ROUTINES.has(upper) || OBJECTS.has(upper) || BEFORE_TABLE.has(upper);
    // DROP TABLE a, b
    this.#isInFromList = this.#current === "DROP" && this.#target === "table";
    this.#fromDepth = this.#queries.length;
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
    const target = this.#target;
    this.#target = "table";
    if (target === "table" && this.#tables.size < 8) this.#tables.add(name);
    else if (target === "namespace") this.#namespace ??= name;
    else if (target === "procedure") {
      if (NO_TABLE.has(this.#current ?? "")) this.#procedure ??= name;
      else this.#isBody = true;
    }
    if (this.#parts.length < 32) this.#parts.push(name);
  }

  result(): StatementSummary {
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
      namespace: this.#namespace,
      procedure: this.#procedure,
      batchSize: undefined,
    };
  }
}

function unquote(text: string): string {
  return /^["`[]/.test(text) ? text.slice(1, -1) : text;
}
