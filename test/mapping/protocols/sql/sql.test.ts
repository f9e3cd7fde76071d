import assert from "node:assert/strict";
import fc from "fast-check";
import { type SqlDialect, summarizeSql } from "../../../../src/mapping/protocols/sql/sql.ts";

const SUMMARIES: readonly (readonly [statement: string, summary: string, collection: string | undefined])[] = [
  ["SELECT * FROM orders WHERE id = 42", "SELECT orders", "orders"],
  ["INSERT INTO orders SELECT * FROM cart", "INSERT orders SELECT cart", undefined],
  ["WITH recent AS (SELECT 1 FROM a) SELECT * FROM recent", "WITH SELECT a SELECT recent", undefined],
  ["SELECT * FROM a CROSS JOIN LATERAL (SELECT * FROM b) x, LATERAL f(a.id) y", "SELECT a SELECT b", undefined],
  ["UPDATE shop.items SET name = 'a'", "UPDATE shop.items", "shop.items"],
  ["CREATE TABLE IF NOT EXISTS t (id int)", "CREATE TABLE t", "t"],
  ["CREATE OR REPLACE VIEW v AS SELECT * FROM t", "CREATE VIEW v SELECT t", undefined],
  ["CREATE TEMPORARY TABLE t (a int)", "CREATE TABLE t", "t"],
  ["CREATE DATABASE IF NOT EXISTS shop", "CREATE DATABASE shop", undefined],
  ["DROP TABLE IF EXISTS a, b", "DROP TABLE a b", undefined],
  ["(SELECT 1 FROM a) UNION (SELECT 2 FROM b)", "SELECT a SELECT b", undefined],
  ["MERGE INTO t USING s ON (a = b) WHEN MATCHED THEN UPDATE SET x = 1", "MERGE t s UPDATE", undefined],
  ["CREATE FUNCTION f(a int) RETURNS int AS $$ SELECT 1 $$ LANGUAGE sql", "CREATE FUNCTION f", undefined],
  ["CALL settle(1, 'a')", "CALL settle", undefined],
  ["SELECT extract(year FROM born) FROM people", "SELECT people", "people"],
  ["SELECT 1", "SELECT", undefined],
];

/** How each dialect writes a text; what stands in it is the secret. */
const LITERALS: readonly (readonly [dialect: SqlDialect, written: (secret: string) => string])[] = [
  ["standard", (secret) => `'${secret}'`],
  ["standard", (secret) => `'it''s ${secret}'`],
  ["standard", (secret) => `E'it\\'s ${secret}'`],
  ["standard", (secret) => `U&'${secret}'`],
  ["standard", (secret) => `$$${secret}$$`],
  ["standard", (secret) => `$body$it's ${secret}$body$`],
  ["standard", (secret) => `q'[it's ${secret}]'`],
  ["standard", (secret) => `NQ'!it's ${secret}!'`],
  ["standard", (secret) => `N'${secret}'`],
  ["mysql", (secret) => `"${secret}"`],
  ["mysql", (secret) => `'it\\'s ${secret}'`],
  ["mysql", (secret) => `_utf8mb4'${secret}'`],
  ["clickhouse", (secret) => `'it\\'s ${secret}'`],
];

describe("SQL", () => {
  it("says what a statement does, and to which table", () => {
    for (const [statement, summary, collection] of SUMMARIES) {
      const found = summarizeSql(statement);
      assert.deepEqual([found.summary, found.collection], [summary, collection], statement);
    }
  });

  it("says of several statements that they are a batch, and what they have in common", () => {
    for (const [statement, operation, summary, collection, size] of [
      ["BEGIN; UPDATE t SET a = 1; COMMIT", "BATCH", "BATCH", undefined, 3],
      ["INSERT INTO t VALUES (1); insert into t values (2);", "BATCH INSERT", "BATCH INSERT t", "t", 2],
      ["SELECT * FROM a; SELECT * FROM b", "BATCH SELECT", "BATCH", undefined, 2],
      ["SELECT ';' FROM a; -- ; ;", "SELECT", "SELECT a", "a", undefined],
      ["CREATE PROCEDURE p() BEGIN SELECT 1; DELETE FROM t; END", "CREATE", "CREATE PROCEDURE p", undefined, undefined],
      ["BEGIN a(1); b(2); END;", "BEGIN", "BEGIN", undefined, undefined],
    ] as const) {
      const found = summarizeSql(statement);
      assert.deepEqual(
        [found.operation, found.summary, found.collection, found.batchSize],
        [operation, summary, collection, size],
        statement,
      );
    }
  });

  it("tells a database and a procedure from a table", () => {
    assert.equal(summarizeSql("DROP DATABASE shop").namespace, "shop");
    assert.equal(summarizeSql("USE shop").namespace, "shop");
    assert.equal(summarizeSql("CALL shop.settle(1)").procedure, "shop.settle");
    assert.equal(summarizeSql("EXECUTE prepared (1)").procedure, undefined);
  });

  it("shows no literal, however it is written", () => {
    for (const [dialect, written] of LITERALS) {
      const text = summarizeSql(`SELECT a FROM t WHERE b = ${written("hunter")} AND c = ${written("x")}`, dialect).text;
      assert.match(text, /^SELECT a FROM t WHERE b = (?:U&)?\? AND c = (?:U&)?\?$/, written("hunter"));
    }
  });

  it("shows none of a statement that is cut off in one", () => {
    for (const [dialect, written] of LITERALS) {
      const statement = `SELECT a FROM t WHERE b = ${written("hunter2 hunter2")}`;
      for (let length = statement.indexOf("hunter") + 6; length < statement.length; length++) {
        assert.doesNotMatch(summarizeSql(statement.slice(0, length), dialect).text, /hunter/, statement);
      }
    }
  });

  it("keeps what is no literal", () => {
    assert.equal(
      summarizeSql("select $1, :name, ? from t where a = @b").text,
      "select $1, :name, ? from t where a = @b",
    );
    assert.equal(summarizeSql("SELECT x -- why\nFROM t /* and how */").text, "SELECT x FROM t");
    assert.equal(summarizeSql("SELECT a FROM t WHERE b IN (1, 2, 3)").text, "SELECT a FROM t WHERE b IN (?)");
  });

  it("stands any text", () => {
    const pieces = fc.constantFrom(
      "'",
      '"',
      "$",
      "$$",
      "q'",
      "[",
      "/*",
      "*/",
      "--",
      "\\",
      "(",
      ")",
      "a",
      "1",
      " ",
      ";",
      "`",
    );
    fc.assert(
      fc.property(
        fc.array(pieces, { maxLength: 60 }),
        fc.constantFrom("mysql", "clickhouse", "standard"),
        (parts, dialect) => {
          assert.equal(typeof summarizeSql(parts.join(""), dialect).text, "string");
        },
      ),
    );
  });
});
