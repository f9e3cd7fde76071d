import assert from "node:assert/strict";
import { Sender } from "../../../src/mapping/protocols/protocol.ts";
import { Conversation } from "../../support/conversation.ts";

describe("clickhouse", () => {
  const { client, server } = Sender;
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  const varint = (value: number): Buffer =>
    value < 128
      ? Buffer.from([value])
      : Buffer.concat([Buffer.from([(value & 127) | 128]), varint(Math.floor(value / 128))]);
  /** Before there was a client info. */
  const REVISION = 54_000;
  const hello = Buffer.concat([
    ...[Buffer.from([0]), text("test"), Buffer.from([1, 1]), varint(REVISION)],
    ...[text("shop"), text("me"), text("")],
  ]);
  const welcome = Buffer.concat([Buffer.from([0]), text("ClickHouse"), Buffer.from([1, 1]), varint(REVISION)]);
  /** Id, no settings, stage, compression. */
  const query = (sql: string) => Buffer.concat([Buffer.from([1, 0, 0, 2, 0]), text(sql)]);
  const block = (type: number, rows: number) => {
    const values = Array.from({ length: rows }, (_, i) => text(`value ${i}`));
    return Buffer.concat([
      Buffer.from([type, 0, 1, 0, 2, 255, 255, 255, 255, 0, 1]),
      ...[varint(rows), text("a"), text("String"), ...values],
    ]);
  };
  const [END, NO_DATA] = [Buffer.from([5]), block(2, 0)];
  const answer = (...rows: number[]) => Buffer.concat([...rows.map((count) => block(1, count)), END]);
  const greeted = () => new Conversation({ serverPort: 9000, waitNs: 0 }).say(client, hello).say(server, welcome);
  const facts = (conversation: Conversation) =>
    conversation.outcomes.slice(1).map(({ fields, incomplete }) => {
      const value = (key: string) => fields?.attributes.find(([name]) => name === key)?.[1];
      return [value("db.operation.name"), value("db.response.returned_rows"), fields?.isError, incomplete];
    });
  const ask = (conversation: Conversation, sql: string) =>
    conversation.say(client, query(sql)).say(client, NO_DATA).say(server, answer(1));

  it("counts the rows of an answer that it has read to its end", () => {
    const conversation = greeted()
      .say(client, query("SELECT a FROM t"))
      .say(server, answer(2, 300, 5))
      .close();
    assert.deepEqual(facts(conversation), [["SELECT", 307, false, undefined]]);
  });

  it("gives no count of rows where not all of an answer was captured, and goes on with the next query", () => {
    const conversation = greeted()
      .say(client, query("SELECT a FROM t"))
      .say(server, block(1, 2))
      .say(server, answer(3000), 4096);
    ask(ask(conversation, "SELECT b FROM t"), "DROP TABLE t").close();
    assert.deepEqual(facts(conversation), [
      ["SELECT", undefined, false, undefined],
      ["SELECT", 1, false, undefined],
      ["DROP", 1, false, undefined],
    ]);
  });

  it("knows the answer to an insert of which not all was captured", () => {
    const conversation = greeted()
      .say(client, query("INSERT INTO t VALUES"))
      .say(server, block(1, 0))
      .say(client, block(2, 3000), 4096)
      .say(client, block(2, 3000), 4096)
      .say(client, NO_DATA)
      .say(server, END);
    ask(conversation, "SELECT b FROM t").close();
    assert.deepEqual(facts(conversation), [
      ["INSERT", undefined, false, undefined],
      ["SELECT", 1, false, undefined],
    ]);
  });

  it("finds the answers again when events got lost", () => {
    const conversation = greeted().say(client, query("SELECT a FROM t")).say(server, block(1, 2)).lose(server, 100);
    ask(conversation, "SELECT b FROM t");
    ask(conversation, "DROP TABLE t").close();
    assert.deepEqual(facts(conversation).at(-1), ["DROP", 1, false, undefined]);
  });
});
