/** One run of the fuzzer: a dialogue, or two spliced, is damaged, cut, split, partly lost; all from one seed. */
import assert from "node:assert/strict";
import { SocketRole } from "../../src/bpf/layout.gen.ts";
import { Conversation } from "./conversation.ts";
import type { Dialogue, Utterance } from "./dialogue.ts";
import { generator } from "./random.ts";

/** What no single dialogue needs: an answer that takes longer has gone round in circles. */
const MAX_EXCHANGES = 200_000;

export function fuzzOnce(dialogues: readonly Dialogue[], seed: number): void {
  const random = generator(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const dialogue = pick(dialogues);
  let calls: Utterance[] = dialogue.utterances.map(({ sender, bytes }) => ({ sender, bytes: bytes.slice() }));
  if (random() < 0.2)
    calls.push(...pick(dialogues).utterances.map(({ sender, bytes }) => ({ sender, bytes: bytes.slice() })));
  if (random() < 0.1) calls = calls.map(({ sender, bytes }) => ({ sender: sender === 0 ? 1 : 0, bytes }));
  const damages = Math.floor(random() * 12);
  for (let i = 0; i < damages && calls.length > 0; i++) damage(calls, random);
  const role = pick([SocketRole.unknown, SocketRole.client, SocketRole.server]);
  const conversation = new Conversation({ role, serverPort: dialogue.serverPort, transport: dialogue.transport });
  if (random() < 0.5) conversation.connection.opened();
  for (const { sender, bytes } of calls) {
    if (random() < 0.05) conversation.lose(sender, bytes.length);
    else if (random() < 0.1) conversation.say(sender, bytes, Math.floor(random() * bytes.length));
    else conversation.say(sender, bytes);
  }
  conversation.close();
  assert.equal(conversation.bytes.held, 0);
  assert.equal(conversation.messages.held, 0);
  assert.ok(conversation.outcomes.length < MAX_EXCHANGES);
}

function damage(calls: Utterance[], random: () => number): void {
  const index = Math.floor(random() * calls.length);
  const { sender, bytes } = calls[index]!;
  const at = Math.floor(random() * Math.max(1, bytes.length));
  switch (Math.floor(random() * 7)) {
    case 0:
      bytes[at] = Math.floor(random() * 256);
      break;
    case 1:
      bytes[at]! ^= 1 << Math.floor(random() * 8);
      break;
    case 2:
      // The values that lengths and counts stumble over.
      bytes.fill([0, 0xff, 0x7f, 0x80][Math.floor(random() * 4)]!, at, at + 1 + Math.floor(random() * 8));
      break;
    case 3:
      calls.splice(index, 1, { sender, bytes: bytes.slice(0, at) }, { sender, bytes: bytes.slice(at) });
      break;
    case 4:
      calls[index] = { sender, bytes: bytes.slice(at) };
      break;
    case 5:
      calls.splice(index, 0, { sender, bytes: bytes.slice(at) });
      break;
    default:
      calls.splice(index, 1);
  }
}
