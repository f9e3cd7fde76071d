import assert from "node:assert/strict";
import { Conversation } from "../../support/conversation.ts";
import { loadDialogues } from "../../support/dialogue.ts";

/** Dialogue, what a request of it carries, and its value's beginning. */
const CARRIED: readonly (readonly [dialogue: string, key: string, value: string])[] = [
  ["dubbo/hessian2", "sw8", "1-YzgxNjRjYWU5MGU5NGZlNjg0OTNjMTA2ZWE5NWYxZWUuNjYuMTY2Njc5ODU0ODg1MTAwNjc="],
  ["mysql/query-attributes", "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
  ["krpc/call", "x-b3-traceid", "gtwdemo-ac110006-463659-122997101"],
  ["sofarpc/call", "sofatraceid", "0a2200ce1670900283956100813525"],
  ["rocketmq/binary", "traceparent", "00-11111111111111111111111111111111-2222222222222222-01"],
  ["pulsar/producer", "traceparent", "00-11111111111111111111111111111111-2222222222222222-01"],
  ["fastcgi/php", "traceparent", "00-11111111111111111111111111111111-2222222222222222-01"],
  ["openwire/cached", "sw8", "1-YzgxNjRjYWU5MGU5NGZlNjg0OTNjMTA2ZWE5NWYxZWUuNjYuMTY2Njc5ODU0ODg1MTAwNjc="],
  ["amqp091/session", "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
  ["amqp091/delivery-context", "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
  ["thrift/header", "traceparent", "00-11111111111111111111111111111111-2222222222222222-01"],
];

describe("trace context in messages", () => {
  const dialogues = loadDialogues();
  for (const [name, key, value] of CARRIED) {
    it(`${name}: ${key}`, () => {
      const dialogue = dialogues.find((candidate) => `${candidate.protocol}/${candidate.name}` === name)!;
      const conversation = new Conversation({ serverPort: dialogue.serverPort, transport: dialogue.transport });
      // A trace is found when a request begins, and not later.
      const found: string[] = [];
      conversation.onStarted = ({ protocol, request }) => found.push(protocol.carried?.(request, key) ?? "");
      for (const { sender, bytes } of dialogue.utterances) conversation.say(sender, bytes);
      assert.ok(
        found.some((text) => text.startsWith(value)),
        `found ${JSON.stringify(found)}`,
      );
    });
  }
});
