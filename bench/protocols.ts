/**
 * What each protocol costs, one core: `npm run bench -- protocols`, or `node build/bench/protocols.js PROTOCOL...`. The
 * dialogues of the tests, over and over on one connection: stream, parser and pairing, without spans. And bodies that are
 * skipped, and recognition with all protocols on.
 */
import { Direction, SocketRole } from "../src/bpf/layout.gen.ts";
import { StageAccount } from "../src/mapping/account.ts";
import { Connection } from "../src/mapping/connection/connection.ts";
import { Datagrams } from "../src/mapping/connection/datagrams.ts";
import { recognize } from "../src/mapping/connection/recognition.ts";
import { Sender } from "../src/mapping/protocols/protocol.ts";
import { PROTOCOLS } from "../src/mapping/protocols/registry.ts";
import { SessionTracker } from "../src/mapping/session.ts";
import { loadDialogues } from "../test/support/dialogue.ts";
import { meta } from "../test/support/meta.ts";

const SECONDS = 1;
const ROUNDS = 200;

/** A connection whose server is the local end, and its pairing; nothing is kept. */
class Talk {
  readonly bytes = new StageAccount("stream", "bytes");
  readonly messages = new StageAccount("session", "messages");
  readonly #connection: Connection | Datagrams;
  readonly #offsets = [0, 0];
  readonly #meta = meta(1);

  constructor(serverPort: number, transport: "tcp" | "udp") {
    let tracker: SessionTracker<undefined>;
    this.#connection = new (transport === "udp" ? Datagrams : Connection)(SocketRole.server, serverPort, 40_000, {
      protocols: PROTOCOLS,
      streamLimits: { bufferBytes: 262_144, maxPieces: 64, waitNs: 50_000_000 },
      account: this.bytes,
      listener: {
        begin: (...args) => tracker.begin(...args),
        end: (...args) => tracker.end(...args),
        recognized: () => {},
        gap: (...args) => tracker.gap(...args),
        unsynced: (...args) => tracker.unsynced(...args),
        answersEnd: (...args) => tracker.answersEnd(...args),
        close: (...args) => tracker.close(...args),
        missing: () => {},
      },
      verdict: () => {},
    });
    tracker = new SessionTracker(
      undefined,
      {
        requestStarted: () => {},
        responseStarted: () => {},
        requestEnded: () => {},
        finished: () => {},
        responseWithoutRequest: () => {},
      },
      this.messages,
      { maxOpen: 1024, timeoutNs: 60e9 },
    );
  }

  say(sender: Sender, bytes: Uint8Array): void {
    const direction = sender === Sender.client ? Direction.ingress : Direction.egress;
    this.#connection.push(direction, this.#offsets[sender]!, bytes.length, bytes, this.#meta, 0);
    this.#offsets[sender]! += bytes.length;
  }
}

const wanted = process.argv.slice(2);
const dialogues = loadDialogues();
const result: Record<string, Record<string, number>> = {};

for (const { name } of PROTOCOLS) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const own = dialogues.filter(({ protocol }) => protocol === name);
  let messages = 0;
  let bytes = 0;
  let cpuMs = 0;
  for (const dialogue of own) {
    // The first rounds are for the compiler.
    for (let i = 0; i < 20; i++) round(dialogue);
    // Processor time: the machine may have other things to do.
    const start = process.cpuUsage();
    const endMs = performance.now() + (SECONDS * 1000) / own.length;
    while (performance.now() < endMs) {
      const talk = round(dialogue);
      messages += talk.messages.in;
      bytes += talk.bytes.in;
    }
    cpuMs += process.cpuUsage(start).user / 1000;
  }
  // What only stands before other protocols has no messages.
  if (!own.every(({ before }) => before === undefined)) continue;
  result[name] = {
    messagesPerCpuSecond: Math.round((messages / cpuMs) * 1000),
    megabytesPerCpuSecond: Math.round(bytes / cpuMs / 1000),
  };
}

function round(dialogue: (typeof dialogues)[number]): Talk {
  const { serverPort, transport, utterances } = dialogue;
  const talk = new Talk(serverPort, transport);
  for (let i = 0; i < ROUNDS; i++) for (const { sender, bytes } of utterances) talk.say(sender, bytes);
  return talk;
}

const BULK_BYTES = 64 * 1024 * 1024;
const BULKS_EACH = 16;
const body = new Uint8Array(65_536).fill(120);

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.from(value, "latin1");
}

/** A request, and what stands before the bulk of its answer. */
const BULKS: readonly (readonly [name: string, port: number, request: Buffer, head: Buffer])[] = [
  [
    "http1, a download",
    80,
    text("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    text(`HTTP/1.1 200 OK\r\nContent-Length: ${BULK_BYTES}\r\n\r\n`),
  ],
  ["redis, a value", 6379, text("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"), text(`$${BULK_BYTES}\r\n`)],
  [
    "postgresql, a row",
    5432,
    Buffer.concat([text("Q"), uint32(13), text("SELECT 1\0")]),
    Buffer.concat([
      text("T"),
      uint32(26),
      Buffer.from("0001610000000000000000000019ffff" + "ffffffff0000", "hex"),
      text("D"),
      uint32(BULK_BYTES + 10),
      Buffer.from("0001", "hex"),
      uint32(BULK_BYTES),
    ]),
  ],
  [
    "kafka, a fetch",
    9092,
    Buffer.concat([uint32(35), Buffer.from("0001000400000007000161", "hex"), Buffer.alloc(24, 0)]),
    Buffer.concat([uint32(BULK_BYTES + 8), uint32(7), uint32(0)]),
  ],
];
const POSTGRESQL_END = Buffer.concat([text("C"), uint32(13), text("SELECT 1\0Z"), uint32(5), text("I")]);
for (const [name, port, request, head] of BULKS) {
  const talk = new Talk(port, "tcp");
  const start = process.cpuUsage().user;
  for (let i = 0; i < BULKS_EACH; i++) {
    talk.say(Sender.client, request);
    talk.say(Sender.server, head);
    for (let sent = 0; sent < BULK_BYTES; sent += body.length) talk.say(Sender.server, body);
    if (name.startsWith("postgresql")) talk.say(Sender.server, POSTGRESQL_END);
    if (name.startsWith("redis")) talk.say(Sender.server, text("\r\n"));
  }
  const seconds = (process.cpuUsage().user - start) / 1e6;
  const isSkipped = talk.bytes.lost.size === 0 && talk.messages.in === 2 * BULKS_EACH;
  if (!isSkipped) throw new Error(`${name}: not recognised`);
  result[`bulk of ${name}`] = { megabytesPerCpuSecond: Math.round((BULK_BYTES * BULKS_EACH) / seconds / 1e6) };
}

const unknown = Uint8Array.from({ length: 200 }, (_, index) => (index * 73 + 41) & 255);
const prose = Buffer.from("Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor\n".repeat(3));
const none = { bytes: new Uint8Array(0), isStreamStart: true };
for (const [name, first] of [
  ["binary", unknown],
  ["text", prose],
] as const) {
  const count = 200_000;
  const ask = (): unknown =>
    recognize(PROTOCOLS, { bytes: first, isStreamStart: true }, none, Sender.client, 50_000, "tcp");
  for (let i = 0; i < 20_000; i++) ask();
  const from = process.cpuUsage().user;
  for (let i = 0; i < count; i++) ask();
  const microseconds = (process.cpuUsage().user - from) / count;
  result[`an unknown first message, ${name}`] = { recognitionUs: Number(microseconds.toFixed(2)) };
}
process.stdout.write(`${JSON.stringify({ bench: "protocols", protocols: PROTOCOLS.length, result })}\n`);
