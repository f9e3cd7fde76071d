import assert from "node:assert/strict";
import { Sender } from "../../../src/mapping/protocols/protocol.ts";
import { Conversation } from "../../support/conversation.ts";

describe("smtp", () => {
  const { client, server } = Sender;
  const greeted = () =>
    new Conversation({ serverPort: 25 })
      .say(server, "220 mx.test ESMTP\r\n")
      .say(client, "EHLO a.test\r\n")
      .say(server, "250 mx.test\r\n");
  const mail = `Subject: long\r\n\r\n${"a line of text\r\n".repeat(2000)}.\r\n`;
  const facts = (conversation: Conversation) =>
    conversation.outcomes.map(({ fields, incomplete }) => {
      const value = (key: string) => fields?.attributes.find(([name]) => name === key)?.[1];
      const [command, code] = [value("sockspan.smtp.command"), value("sockspan.smtp.reply.code")];
      return [command, code, value("sockspan.smtp.message.size"), incomplete];
    });

  it("takes what was not captured of a mail's call for the mail, up to the answer", () => {
    const conversation = greeted()
      .say(client, "DATA\r\n")
      .say(server, "354 go on\r\n")
      .say(client, mail, 4096)
      .say(server, "250 2.0.0 queued\r\n")
      .say(client, "QUIT\r\n")
      .say(server, "221 bye\r\n");
    conversation.close();
    assert.deepEqual(facts(conversation), [
      ["EHLO", 250, undefined, undefined],
      ["DATA", 250, undefined, undefined],
      ["QUIT", 221, undefined, undefined],
    ]);
    assert.equal(conversation.bytes.lost.size, 0);
  });

  it("goes on behind what was not captured of the mail's first call", () => {
    const conversation = greeted()
      .say(client, "DATA\r\n")
      .say(server, "354 go on\r\n")
      .say(client, mail.slice(0, 20_000), 4096)
      .say(client, mail.slice(20_000, 21_000))
      .say(client, mail.slice(21_000), 4096)
      .say(server, "250 2.0.0 queued\r\n")
      .say(client, "RSET\r\n")
      .say(server, "250 ok\r\n");
    assert.deepEqual(facts(conversation).slice(1), [
      ["DATA", 250, undefined, undefined],
      ["RSET", 250, undefined, undefined],
    ]);
  });

  it("counts a mail of which only the middle was not captured", () => {
    const conversation = greeted()
      .say(client, "DATA\r\n")
      .say(server, "354 go on\r\n")
      .say(client, mail.slice(0, 20_000), 4096)
      .say(client, mail.slice(20_000))
      .say(server, "250 2.0.0 queued\r\n");
    assert.deepEqual(facts(conversation).slice(1), [["DATA", 250, mail.length - ".\r\n".length, undefined]]);
  });
});
