/** What a connection asks of the kernel, and that what the kernel then leaves out is not missed. */
import assert from "node:assert/strict";
import { Direction, EventFlags, FrameSegmentFlags } from "../../../src/bpf/layout.gen.ts";
import type { Verdict } from "../../../src/mapping/connection/verdict.ts";
import { Sender } from "../../../src/mapping/protocols/protocol.ts";
import { Conversation } from "../../support/conversation.ts";
import { FramedConversation } from "../../support/framed-conversation.ts";
import { meta } from "../../support/meta.ts";

const { client, server } = Sender;
const modes = (verdicts: readonly Verdict[]): string[] => verdicts.map(({ mode }) => mode);

describe("what is asked of the kernel", () => {
  it("asks nothing for a protocol without frames whose messages are small", () => {
    const talk = new Conversation();
    for (let i = 0; i < 20; i++) {
      talk
        .say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .say(server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
    assert.deepEqual(talk.verdicts, []);
  });

  it("wants all of calls that bring several messages: what their prefix left out would cost the pairing", () => {
    const talk = new Conversation();
    const get = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
    talk.say(client, get).say(server, "$-1\r\n").say(client, get).say(server, "$-1\r\n");
    assert.deepEqual(modes(talk.verdicts), [], "one by one");
    talk.say(client, get.repeat(3)).say(server, "$-1\r\n".repeat(3)).say(client, get);
    assert.deepEqual(modes(talk.verdicts), ["whole", "whole"], "by the next event of each side");
  });

  it("skips a long body, and still knows when it ended", () => {
    const talk = new FramedConversation();
    const say = (sender: Sender, text: string): void => talk.call({ sender, bytes: Buffer.from(text, "latin1") });
    say(client, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    say(server, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    for (let sent = 0; sent < 1_000_000; sent += 10_000) say(server, "x".repeat(10_000));
    assert.equal(talk.finished.length, 1, "the call that has its last byte is told");
    assert.ok(talk.copiedBytes < 30_000, `${talk.copiedBytes} bytes were copied`);
    say(client, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    say(server, "HTTP/1.1 204 No Content\r\n\r\n");
    talk.close();
    assert.deepEqual(
      talk.outcomes.map(({ fields }) => fields?.attributes.find(([key]) => key === "http.response.status_code")?.[1]),
      [200, 204],
    );
    assert.equal(talk.bytes.lost.size, 0);
  });

  it("tells the end of a skipped body by the call behind it, where no call ends with it", () => {
    const talk = new Conversation();
    const head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    talk.say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").say(server, head);
    talk.at(server, head.length + 100_000, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert.equal(talk.finished.length, 1);
    assert.equal(talk.finished[0]!.incomplete, undefined);
  });

  it("names frames once, again only while the kernel does not follow", () => {
    const talk = new Conversation();
    const query = (id: number): string =>
      Buffer.concat([
        Buffer.from([0, 0, 0, 23, 0, 1, 0, 0, 0, 0, 0, id, 0, 1]),
        Buffer.from("c", "latin1"),
        Buffer.alloc(12),
      ]).toString("latin1");
    for (let i = 0; i < 16; i++) talk.say(client, query(i));
    assert.deepEqual(modes(talk.verdicts), ["frames", "frames", "frames", "frames", "frames"]);
    const [first] = talk.verdicts;
    assert.deepEqual(first?.mode === "frames" ? first.places : undefined, { ingress: 27, egress: 0 });
  });

  it("names them behind a message's end, where the place is known before it has passed", () => {
    const talk = new Conversation();
    const body = Buffer.concat([
      Buffer.from([0, 0, 0, 23, 0, 1, 0, 0, 0, 0, 0, 7, 0, 1]),
      Buffer.from("c"),
      Buffer.alloc(12),
    ]);
    talk.say(client, body.toString("latin1"));
    const answer = Buffer.alloc(700);
    answer.writeInt32BE(696, 0);
    answer.writeInt32BE(7, 4);
    const said: number[] = [];
    for (let from = 0; from < 700; from += 100) {
      talk.say(server, answer.toString("latin1", from, from + 100));
      said.push(talk.verdicts.length);
    }
    assert.deepEqual(said, [2, 3, 3, 4, 4, 4, 5]);
    const last = talk.verdicts.at(-1);
    assert.deepEqual(last?.mode === "frames" ? last.places : undefined, { ingress: 27, egress: 700 });
  });

  it("takes back a framing that lets too little through", () => {
    const talk = new Conversation();
    const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    talk.say(client, `${preface}\0\0\0\x04\0\0\0\0\0`);
    const segment = Buffer.alloc(12 + 12);
    segment.writeUInt16LE(12, 4);
    segment.writeUInt16LE(FrameSegmentFlags.startsFrame, 6);
    // A header block of which the kernel copied three bytes.
    segment.set([0, 0, 40, 1, 5, 0, 0, 0, 1, 1, 2, 3], 12);
    const direction = Direction.ingress;
    talk.connection.push(direction, 33, 49, segment, meta(2), EventFlags.frames, 1);
    assert.deepEqual(modes(talk.verdicts.slice(-1)), ["all"]);
    assert.equal(talk.bytes.lost.get("left_out"), 37);
  });

  it("drops what it does not know, and asks again when the drop has run out", () => {
    const talk = new Conversation();
    talk.say(client, "\x05unknown").say(server, "\x07nothing of ours").say(client, "z".repeat(5000));
    assert.deepEqual(modes(talk.verdicts), ["drop"]);
    talk.order += 100_000;
    talk.say(client, "more").say(client, "still more");
    assert.deepEqual(modes(talk.verdicts), ["drop", "drop"]);
  });
});
