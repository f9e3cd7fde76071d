import assert from "node:assert/strict";
import { Sender } from "../../../src/mapping/protocols/protocol.ts";
import { Conversation } from "../../support/conversation.ts";

const NOISE = Uint8Array.from({ length: 300 }, (_, index) => (index * 73 + 41) & 255);

describe("connections of no known protocol", () => {
  it("make one message where that was asked for, with the bytes of both directions", () => {
    const conversation = new Conversation({ tellsUnknown: true });
    for (let i = 0; i < 20; i++) {
      conversation.say(Sender.client, NOISE);
      conversation.say(Sender.server, NOISE.subarray(0, 100));
    }
    assert.deepEqual(conversation.verdicts.at(-1), { mode: "lengths" });
    assert.equal(conversation.started.length, 1);
    conversation.close();
    const [outcome, ...others] = conversation.outcomes;
    assert.deepEqual(others, []);
    assert.equal(outcome!.fields!.name, "connection");
    assert.deepEqual(outcome!.fields!.attributes, [
      ["sockspan.connection.client.bytes", 6000],
      ["sockspan.connection.server.bytes", 2000],
    ]);
    assert.equal(conversation.bytes.held, 0);
    assert.equal(conversation.messages.held, 0);
  });

  it("make none otherwise", () => {
    const conversation = new Conversation();
    conversation.say(Sender.client, NOISE);
    conversation.say(Sender.server, NOISE);
    conversation.close();
    assert.equal(conversation.started.length, 0);
    assert.deepEqual(conversation.verdicts.at(-1), { mode: "drop" });
  });
});
