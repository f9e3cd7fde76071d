/** Frames as the kernel walks them: exactly what the model in test/support/frame-walker.ts says, for any cut of the bytes. */
import assert from "node:assert/strict";
import { HookSet } from "../../../src/bpf/feature.ts";
import {
  Direction,
  decodeFrameSegment,
  EventFlags,
  LAYOUT,
  VerdictAction,
  VerdictFlags,
} from "../../../src/bpf/layout.gen.ts";
import { type Framing, firstBytes, LEFT_OUT } from "../../../src/mapping/connection/framing.ts";
import { Sender } from "../../../src/mapping/protocols/protocol.ts";
import { FrameWalker } from "../../support/frame-walker.ts";
import { type DataRecord, KernelCapture } from "./support/kernel-capture.ts";
import { runPythonAround } from "./support/python.ts";

const SEED = 20_261_125;
const COPIES = {
  others: firstBytes(9),
  types: new Map([
    [1, firstBytes(0xffff)],
    [2, { whole: 200, first: 40 }],
    [8, LEFT_OUT],
  ]),
};
const BIG_ENDIAN: Framing = {
  headerBytes: 9,
  length: { offset: 0, bytes: 3, bias: 9 },
  typeOffset: 3,
  maximumBytes: 1 << 24,
  client: COPIES,
  server: COPIES,
};
const LITTLE_ENDIAN: Framing = {
  headerBytes: 4,
  length: { offset: 0, bytes: 4, isLittleEndian: true, bias: 0 },
  maximumBytes: 1 << 24,
  client: { others: { whole: 300, first: 100 } },
  server: { others: { whole: 300, first: 100 } },
};
const PREFACED: Framing = { ...BIG_ENDIAN, preface: "HELLO-FRAMES\n" };

/** Sends frames in calls of any size, some of them gathered from several buffers, and reads them in others. */
const TALK = `
import random
random.seed(${SEED})
def frame(kind, size):
    body = bytes(random.randrange(256) for _ in range(min(size, 50))) + b'.' * max(0, size - 50)
    return LENGTH(len(body)) + TYPE(kind) + body
sizes = [0, 1, 3, 8, 13, 31, 32, 60, 200, 300, 1000, 5000, 20000, 70000]
stream = b''.join(frame(random.choice([0, 1, 2, 3, 8, 8, 8]), random.choice(sizes)) for _ in range(300))
calls, at = [], 0
while at < len(stream):
    count = min(random.choice([1, 2, 5, 9, 40, 400, 9000, 40000, 300000]), len(stream) - at)
    calls.append(count); at += count
out['stream'] = stream.hex(); out['sent'] = []; out['received'] = []
def read():
    r = random.Random(1)
    left = len(stream)
    while left > 0:
        count = r.choice([1, 3, 9, 100, 5000, 70000])
        views = [bytearray(count), bytearray(200)]
        got = s.recvmsg_into(views)[0] if count != 5000 else len(s.recv(count))
        out['received'].append([min(got, count), max(0, got - count)]); left -= got
t = threaded(read)
at = 0
for count in calls:
    part = stream[at:at + count]
    buffers = [part[:7], b'', part[7:20], part[20:]] if len(part) > 30 and count % 2 == 0 else [part]
    assert c.sendmsg(buffers) == count
    out['sent'].append([len(buffer) for buffer in buffers])
    at += count
t.join()
`;

interface Piece {
  readonly offset: number;
  readonly bytes: string;
  readonly startsFrame: boolean;
  readonly leftOut: number;
}

/** Pieces of the payloads, those that only continue joined to what they continue within a call. */
function pieces(payload: Uint8Array, offset: number, into: Piece[]): void {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  for (let at = 0; at < payload.length; ) {
    const segment = decodeFrameSegment(view, at);
    const from = at + LAYOUT.frame_segment.sizeBytes;
    const bytes = Buffer.from(payload.subarray(from, from + segment.length)).toString("hex");
    const last = into.at(-1);
    const startsFrame = segment.flags === 1;
    const start = offset + segment.offset;
    if (!startsFrame && last !== undefined && last.offset + last.bytes.length / 2 === start) {
      into[into.length - 1] = { ...last, bytes: last.bytes + bytes };
    } else into.push({ offset: start, bytes, startsFrame, leftOut: segment.leftOut });
    at = (from + segment.length + 3) & ~3;
  }
}

function expected(framing: Framing, stream: Buffer, start: number, calls: readonly (readonly number[])[]): Piece[] {
  const walker = new FrameWalker(framing, Sender.client, start);
  const all: Piece[] = [];
  let at = 0;
  for (const buffers of calls) {
    const count = buffers.reduce((sum, size) => sum + size, 0);
    const payload = walker.call(start + at, stream.subarray(at, at + count), buffers);
    if (payload instanceof Uint8Array) pieces(payload, start + at, all);
    at += count;
  }
  return all;
}

function actual(events: readonly DataRecord[]): Piece[] {
  const all: Piece[] = [];
  for (const event of events) {
    assert.equal(event.flags & (EventFlags.frames | EventFlags.faulted), EventFlags.frames);
    pieces(event.bytes, event.streamOffset, all);
  }
  return all;
}

for (const set of [HookSet.a, HookSet.c] as const) {
  describe(`frames that the capture programs walk, hook set ${set}`, () => {
    let capture: KernelCapture | undefined;

    afterEach(() => {
      capture?.[Symbol.dispose]();
      capture = undefined;
    });

    for (const [name, framing, length, type] of [
      ["big endian with types", BIG_ENDIAN, "lambda n: n.to_bytes(3, 'big')", "lambda k: bytes([k, 0, 0, 0, 0, 1])"],
      ["little endian without", LITTLE_ENDIAN, "lambda n: (n + 4).to_bytes(4, 'little')", "lambda k: b''"],
    ] as const) {
      it(`are copied as their framing says: ${name}`, async () => {
        capture = new KernelCapture({ sends: set, receives: set });
        const kernel = capture;
        const table = kernel.setFramings([framing]);
        const { tgid, out } = await runPythonAround(
          "c, s = pair()\nc.sendall(b'begin'); s.recv(5)",
          `LENGTH = ${length}\nTYPE = ${type}\n${TALK}`,
          (child) => {
            for (const event of kernel.dataOf(child).filter(({ bytes }) => bytes.toString() === "begin")) {
              kernel.setVerdict(event.socketCookie, {
                action: VerdictAction.frames,
                framing: table.indexOf(framing)!,
                skipUntilEgress: event.direction === Direction.egress ? 5 : -1,
                skipUntilIngress: event.direction === Direction.ingress ? 5 : -1,
                flags: event.direction === Direction.egress ? VerdictFlags.localClient : 0,
                serial: 7,
              });
            }
          },
        );
        const stream = Buffer.from(String(out["stream"]), "hex");
        for (const [direction, calls] of [
          [Direction.egress, out["sent"]],
          [Direction.ingress, out["received"]],
        ] as const) {
          const events = kernel.dataOf(tgid, direction).slice(1);
          const walked = actual(events);
          assert.deepEqual(walked, expected(framing, stream, 5, calls as number[][]));
          assert.ok(walked.length > 100);
          assert.deepEqual(
            events.map(({ eventNumber }) => eventNumber),
            events.map((_, index) => index + 1),
            "what was left out has no number",
          );
        }
      });
    }

    it("are walked from the first byte where the client begins as no other protocol does", async () => {
      capture = new KernelCapture({ sends: set, receives: set });
      const kernel = capture;
      kernel.setFramings([PREFACED]);
      const { tgid } = await runPythonAround(
        "c, s = pair()",
        `d = bytes([0, 78, 32, 0, 0, 0, 0, 0, 1]) + b'x' * 20000
c.sendall(b'HELLO-FRAMES\\n' + d); read_all(s, 13 + 20009)
s.sendall(d); read_all(c, 20009)
c.sendall(bytes([0, 0, 2, 1, 0, 0, 0, 0, 1]) + b'hi'); s.recv(11)`,
        () => {},
      );
      const sent = kernel.dataOf(tgid, Direction.egress);
      const [first, answer, last] = sent.map((event) => actual([event]).map(({ bytes }) => Buffer.from(bytes, "hex")));
      assert.deepEqual(
        first!.map((bytes) => bytes.toString("latin1")),
        ["HELLO-FRAMES\n\x00\x4e\x20\0\0\0\0\0\x01"],
      );
      assert.deepEqual(
        answer!.map((bytes) => bytes.length),
        [9],
      );
      assert.equal(last![0]!.subarray(9).toString(), "hi");
    });
  });
}
