import assert from "node:assert/strict";
import { Sender } from "../../../src/mapping/protocols/protocol.ts";
import { Conversation } from "../../support/conversation.ts";

describe("redis", () => {
  const texts = (...lines: string[]) => {
    const conversation = new Conversation({ serverPort: 6379 });
    for (const line of lines) conversation.say(Sender.client, line).say(Sender.server, "+OK\r\n");
    return conversation.outcomes.map(({ fields }) => fields?.attributes.find(([key]) => key === "db.query.text")?.[1]);
  };

  it("takes inline commands that end with a bare line feed", () => {
    assert.deepEqual(texts("PING\n", "SET a b\n", "GET a\r\n"), ["PING", "SET a ?", "GET a"]);
  });

  it("splits inline commands as Redis does: what stands in quotes is one word", () => {
    assert.deepEqual(texts("PING\n", 'MSET "a key" "the first value" b \'and another\'\n'), [
      "PING",
      "MSET a?key ? ? ?",
    ]);
    assert.deepEqual(texts("PING\n", 'SET "a\\"b\\x2dc" v\n'), ["PING", 'SET a"b-c ?']);
  });

  it("keeps the key of a line that is longer than what is looked at", () => {
    assert.deepEqual(texts("PING\n", `SET key "${"long ".repeat(1000)}"\n`), ["PING", "SET key ?"]);
  });

  it("shows no word of a line whose quotes Redis would refuse", () => {
    assert.deepEqual(texts("PING\n", 'MSET a "not closed b\n'), ["PING", "MSET"]);
    assert.deepEqual(texts("PING\n", 'MSET a "closed"too soon\n'), ["PING", "MSET"]);
  });
});
