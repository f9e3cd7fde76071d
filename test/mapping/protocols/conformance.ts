/**
 * What every protocol must do, whatever it is. A protocol joins by its line in the registry and its folder of
 * dialogues in fixtures/ (see docs/adding-a-protocol.md); UPDATE_GOLDEN=1 writes the expected spans beside them.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { SocketRole } from "../../../src/bpf/layout.gen.ts";
import { PROTOCOLS } from "../../../src/mapping/protocols/registry.ts";
import { Conversation, type ConversationOptions, type Outcome } from "../../support/conversation.ts";
import type { Dialogue, Utterance } from "../../support/dialogue.ts";
import { FramedConversation } from "../../support/framed-conversation.ts";

const RUNS = 60;
/** The smallest capture_prefix_bytes. */
const LEAST_CAPTURED = 64;

export function conformance(dialogue: Dialogue): void {
  const isUdp = dialogue.transport === "udp";
  const { serverPort, transport, isPickedUp } = dialogue;
  const options = { serverPort, transport, isPickedUp };

  it("gives the spans of its golden file", () => {
    const spans = play(dialogue.utterances, options).outcomes.map(({ protocol, incomplete, fields }) => ({
      protocol,
      ...(incomplete === undefined ? {} : { incomplete }),
      ...(fields === undefined ? { noSpan: true } : { ...fields, attributes: Object.fromEntries(fields.attributes) }),
    }));
    const actual = `${JSON.stringify(spans, (_, value) => (typeof value === "bigint" ? String(value) : value), 2)}\n`;
    const path = `${dialogue.path.slice(0, -4)}.spans.json`;
    const { UPDATE_GOLDEN } = process.env;
    if (UPDATE_GOLDEN || !existsSync(path)) writeFileSync(path, actual);
    assert.equal(actual, readFileSync(path, "utf8"));
  });

  it("is recognised by content alone, whoever is asked about the role", () => {
    const known = play(dialogue.utterances, options).outcomes;
    const unknown = play(dialogue.utterances, { ...options, role: SocketRole.unknown }).outcomes;
    assert.ok(known.length > 0, "a dialogue without an exchange proves nothing");
    assert.ok(known.some(({ protocol }) => protocol === (dialogue.before ?? dialogue.protocol)));
    assert.deepEqual(unknown, known);
  });

  it("is claimed by no other protocol", () => {
    const others = PROTOCOLS.filter(({ name }) => name !== dialogue.protocol);
    const conversation = play(dialogue.utterances, { ...options, protocols: others });
    assert.deepEqual(
      conversation.outcomes.map(({ protocol }) => protocol).filter((protocol) => protocol !== dialogue.after),
      [],
    );
  });

  if (!isUdp) {
    it("gives the same for any split of the bytes", () => {
      const whole = play(dialogue.utterances, options).outcomes;
      fc.assert(
        fc.property(fc.infiniteStream(fc.integer({ min: 1, max: 40 })), (sizes) => {
          assert.deepEqual(play(split(dialogue.utterances, sizes), options).outcomes, whole);
        }),
        { numRuns: RUNS },
      );
      assert.deepEqual(play(split(dialogue.utterances, ones()), options).outcomes, whole);
    });

    it("waits when the input is cut short, and invents nothing", () => {
      const whole = play(dialogue.utterances, options).outcomes;
      const total = dialogue.utterances.reduce((sum, { bytes }) => sum + bytes.length, 0);
      fc.assert(
        fc.property(fc.integer({ min: 0, max: total }), (length) => {
          const conversation = play(cut(dialogue.utterances, length), { ...options, keepOpen: true });
          assert.deepEqual(conversation.outcomes, whole.slice(0, conversation.outcomes.length));
          assert.equal(conversation.bytes.lost.size, 0);
        }),
        { numRuns: RUNS },
      );
    });
  }

  if (PROTOCOLS.find(({ name }) => name === dialogue.protocol)?.framing !== undefined) {
    it("gives the same when the kernel copies no more than its framing says", () => {
      const whole = play(dialogue.utterances, options).outcomes;
      fc.assert(
        fc.property(
          fc.infiniteStream(fc.integer({ min: 1, max: 400 })),
          fc.constantFrom(0, 0, 1, 3),
          fc.boolean(),
          (sizes, lateCalls, isSplit) => {
            const conversation = new FramedConversation({ ...options, lateCalls });
            const calls = isSplit ? [...split(dialogue.utterances, sizes)] : dialogue.utterances;
            for (const call of calls) conversation.call(call);
            conversation.close();
            balances(conversation);
            assert.equal(conversation.bytes.lost.size, 0);
            assert.deepEqual(conversation.outcomes, whole);
          },
        ),
        { numRuns: RUNS },
      );
    });

    it("never pairs wrongly when walked calls are lost", () => {
      const pairs = play(dialogue.utterances, options).outcomes;
      fc.assert(
        fc.property(
          fc.array(fc.nat(dialogue.utterances.length - 1), { minLength: 1, maxLength: 3 }),
          fc.nat(2),
          (lost, lateCalls) => {
            const conversation = new FramedConversation({ ...options, lateCalls });
            conversation.connection.opened();
            dialogue.utterances.forEach((utterance, index) => {
              conversation.call(utterance, lost.includes(index));
            });
            conversation.close();
            balances(conversation);
            pairsAreAmong(conversation, pairs);
          },
        ),
        { numRuns: RUNS },
      );
    });
  }

  if (!isUdp) {
    it("tells of no failure and no count that was none when not all of a call was captured", () => {
      const known = play(dialogue.utterances, options).outcomes.map(claimsOf);
      const long = dialogue.utterances.flatMap(({ bytes }, index) => (bytes.length > LEAST_CAPTURED ? [index] : []));
      if (long.length === 0) return;
      fc.assert(
        fc.property(fc.constantFrom(...long), fc.integer({ min: LEAST_CAPTURED, max: 4096 }), (cut, captured) => {
          const conversation = new Conversation({ ...options, waitNs: 0 });
          if (!isPickedUp) conversation.connection.opened();
          dialogue.utterances.forEach(({ sender, bytes }, index) => {
            conversation.say(sender, bytes, index === cut ? captured : undefined);
          });
          conversation.close();
          balances(conversation);
          for (const { name, ...claims } of conversation.outcomes.map(claimsOf)) {
            for (const [key, value] of Object.entries(claims)) {
              const isTrue = value === undefined || known.some((each) => each[key as keyof typeof claims] === value);
              assert.ok(isTrue, `${name}: ${key} ${value}`);
            }
          }
        }),
        { numRuns: RUNS },
      );
    });
  }

  it("never pairs wrongly when calls are lost", () => {
    const pairs = play(dialogue.utterances, options).outcomes;
    fc.assert(
      fc.property(fc.array(fc.nat(dialogue.utterances.length - 1), { minLength: 1, maxLength: 3 }), (lost) => {
        const conversation = new Conversation(options);
        // Else an answer could be the first thing that is ever seen of its direction, and nothing tells what came before.
        if (!isPickedUp) conversation.connection.opened();
        dialogue.utterances.forEach(({ sender, bytes }, index) => {
          if (lost.includes(index)) conversation.lose(sender, bytes.length);
          else conversation.say(sender, bytes);
        });
        conversation.close();
        balances(conversation);
        pairsAreAmong(conversation, pairs);
      }),
      { numRuns: RUNS },
    );
  });

  if (!isUdp) {
    it("never pairs wrongly when it is picked up in the middle", () => {
      const { utterances } = dialogue;
      const pairs = play(utterances, options).outcomes;
      for (let from = 1; from < utterances.length; from++) {
        for (const role of [SocketRole.server, SocketRole.unknown]) {
          const conversation = play(utterances.slice(from), { ...options, role, isPickedUp: true });
          // Where both ends say the same things, only the kernel knows who opened the connection.
          if ("role" in conversation.connection && conversation.connection.role !== SocketRole.server) continue;
          for (const { request, response, incomplete } of conversation.outcomes) {
            if (incomplete !== undefined || response === undefined) continue;
            const isKnown = pairs.some((pair) => fits(request, pair.request) && fits(response, pair.response));
            assert.ok(isKnown, `from ${from}: no such pair: ${JSON.stringify([request, response])}`);
          }
        }
      }
    });
  }

  it("survives any damage", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 100 })),
        fc.infiniteStream(fc.integer({ min: 0, max: 100 })),
        (damages, sizes, captures) => {
          const calls = split(dialogue.utterances, sizes).map(({ sender, bytes }) => ({
            sender,
            bytes: bytes.slice(),
          }));
          for (const [at, byte] of damages) {
            const { bytes } = calls[at % calls.length]!;
            bytes[at % bytes.length] = byte;
          }
          const conversation = new Conversation(options);
          for (const { sender, bytes } of calls) conversation.say(sender, bytes, captures.next().value as number);
          conversation.close();
          balances(conversation);
          conversation.outcomes;
        },
      ),
      { numRuns: RUNS },
    );
  });
}

/** For all protocols together: bytes that nobody made. */
export function noiseConformance(): void {
  it("never throws, and accounts for every byte of noise", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(0 as const, 1 as const), fc.uint8Array({ minLength: 1, maxLength: 200 }))),
        fc.constantFrom(SocketRole.unknown, SocketRole.client, SocketRole.server),
        fc.constantFrom("tcp" as const, "udp" as const),
        (calls, role, transport) => {
          const conversation = new Conversation({ role, transport });
          for (const [sender, bytes] of calls) conversation.say(sender, bytes);
          conversation.close();
          balances(conversation);
        },
      ),
      { numRuns: 300 },
    );
  });
}

function play(utterances: readonly Utterance[], options: ConversationOptions & { keepOpen?: boolean }): Conversation {
  const conversation = new Conversation(options);
  for (const { sender, bytes } of utterances) conversation.say(sender, bytes);
  if (!options.keepOpen) {
    conversation.close();
    balances(conversation);
  }
  return conversation;
}

function balances(conversation: Conversation): void {
  assert.equal(conversation.bytes.held, 0);
  assert.equal(conversation.messages.held, 0);
}

function pairsAreAmong(conversation: Conversation, pairs: readonly Outcome[]): void {
  for (const outcome of conversation.outcomes) {
    if (outcome.incomplete !== undefined || outcome.response === undefined) continue;
    const isKnown = pairs.some((pair) => fits(outcome.request, pair.request) && fits(outcome.response, pair.response));
    assert.ok(isKnown, `no such pair: ${JSON.stringify([outcome.request, outcome.response])}`);
  }
}

/** What a lost call would have told (the database in use, a prepared statement's text) may be unknown, never different. */
function fits(actual: unknown, whole: unknown): boolean {
  if (actual === undefined) return true;
  if (typeof actual !== "object" || actual === null || typeof whole !== "object" || whole === null) {
    return Object.is(actual, whole);
  }
  if (actual instanceof Map) return [...actual].every(([key, value]) => fits(value, (whole as typeof actual).get(key)));
  const wanted = whole as Record<string, unknown>;
  // An id may be a count of what was seen.
  return Object.entries(actual).every(([key, value]) => key === "id" || fits(value, wanted[key]));
}

function split(utterances: readonly Utterance[], sizes: Iterator<number>): Utterance[] {
  const calls: Utterance[] = [];
  for (const { sender, bytes } of utterances) {
    for (let from = 0; from < bytes.length; ) {
      const to = from + (sizes.next().value as number);
      calls.push({ sender, bytes: bytes.subarray(from, to) });
      from = to;
    }
  }
  return calls;
}

function* ones(): Generator<number> {
  for (;;) yield 1;
}

function cut(utterances: readonly Utterance[], length: number): Utterance[] {
  const result: Utterance[] = [];
  let left = length;
  for (const { sender, bytes } of utterances) {
    if (left > 0) result.push({ sender, bytes: bytes.subarray(0, left) });
    left -= bytes.length;
  }
  return result;
}

/** What would be wrong to say of an exchange that was not seen whole. */
function claimsOf({ fields }: Outcome) {
  const value = (key: string) => fields?.attributes.find(([name]) => name === key)?.[1];
  const errorType = value("error.type");
  return {
    name: fields?.name,
    failure: errorType === "connection_closed" || errorType === "timeout" ? errorType : undefined,
    rows: value("db.response.returned_rows"),
  };
}
