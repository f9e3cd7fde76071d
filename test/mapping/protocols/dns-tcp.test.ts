import assert from "node:assert/strict";
import { Sender } from "../../../src/mapping/protocols/protocol.ts";
import { Conversation } from "../../support/conversation.ts";

describe("dns over TCP", () => {
  const { client, server } = Sender;
  const NAME = Buffer.from("\x04shop\x04test\0", "latin1");
  const [A, AXFR] = [1, 252];
  const POINTER = [0xc0, 12];

  /** With its length before it, one question, and so many A records. */
  function message(flags: number, records: number, { type = AXFR, hasQuestion = true } = {}): Buffer {
    const header = Buffer.alloc(12);
    header.writeUInt16BE(695, 0);
    header.writeUInt16BE(flags, 2);
    header.writeUInt16BE(hasQuestion ? 1 : 0, 4);
    header.writeUInt16BE(records, 6);
    const question = hasQuestion ? [NAME, Buffer.from([0, type, 0, 1])] : [];
    const owner = hasQuestion ? Buffer.from(POINTER) : NAME;
    const record = Buffer.concat([owner, Buffer.from([0, A, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1])]);
    const body = Buffer.concat([header, ...question, ...Array<Buffer>(records).fill(record)]);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(body.length);
    return Buffer.concat([length, body]);
  }
  const [QUERY, RESPONSE] = [0x0000, 0x8400];
  const codes = (conversation: Conversation) =>
    conversation.outcomes.map(({ fields, incomplete }) => [
      fields?.name,
      fields?.attributes.find(([key]) => key === "dns.response.code")?.[1],
      incomplete,
    ]);

  it("reads the beginning of a long answer, of which not all was captured", () => {
    const conversation = new Conversation({ serverPort: 53 })
      .say(client, message(QUERY, 0, { type: A }))
      .say(server, message(RESPONSE, 1000, { type: A }), 4096)
      .say(client, message(QUERY, 0, { type: A }))
      .say(server, message(RESPONSE, 1, { type: A }));
    assert.deepEqual(codes(conversation), [
      ["DNS A", "NOERROR", undefined],
      ["DNS A", "NOERROR", undefined],
    ]);
    assert.equal(conversation.bytes.lost.size, 0);
  });

  it("takes the messages of a zone's transfer for one answer, with the question or without", () => {
    const conversation = new Conversation({ serverPort: 53 })
      .say(client, message(QUERY, 0))
      .say(server, message(RESPONSE, 800), 4096)
      .say(server, message(RESPONSE, 900), 4096)
      .say(server, message(RESPONSE, 700, { hasQuestion: false }), 4096)
      .say(server, message(RESPONSE, 3, { hasQuestion: false }))
      .close();
    assert.deepEqual(codes(conversation), [["DNS AXFR", "NOERROR", undefined]]);
    assert.equal(conversation.messages.lost.size, 0);
    assert.equal(conversation.bytes.lost.size, 0);
  });
});
