/**
 * What each protocol costs, one core: `npm run bench:protocols -- [PROTOCOL...]`. The dialogues of the tests, over and
 * over on one connection: stream, parser and pairing, without spans. And bodies that are skipped, and recognition.
 */
import { Direction, SocketRole } from "../src/bpf/layout.gen.ts";
import { StageAccount } from "../src/mapping/account.ts";
import { Connection } from "../src/mapping/connection.ts";
import { Datagrams } from "../src/mapping/datagrams.ts";
import { Sender } from "../src/mapping/protocols/protocol.ts";
import { PROTOCOLS } from "../src/mapping/protocols/registry.ts";
import { recognize } from "../src/mapping/recognition.ts";
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
const line = (cells: readonly string[]): void => {
  process.stdout.write(`| ${cells.join(" | ")} |\n`);
};

line(["protocol", "messages/s", "MB/s"]);
line(["---", "---", "---"]);
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
  line([name, Math.round((messages / cpuMs) * 1000).toLocaleString("en"), (bytes / cpuMs / 1000).toFixed(0)]);
}

function round(dialogue: (typeof dialogues)[number]): Talk {
  const { serverPort, transport, utterances } = dialogue;
  const talk = new Talk(serverPort, transport);
  for (let i = 0; i < ROUNDS; i++) for (const { sender, bytes } of utterances) talk.say(sender, bytes);
  return talk;
}

const body = new Uint8Array(65_536).fill(120);
const size = 1 << 30;
const download = new Talk(80, "tcp");
download.say(Sender.client, Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
download.say(Sender.server, Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`));
const startMs = performance.now();
for (let sent = 0; sent < size; sent += body.length) download.say(Sender.server, body);
process.stdout.write(`\nbody skipped: ${(size / (performance.now() - startMs) / 1000).toFixed(0)} MB/s\n`);

const unknown = Uint8Array.from({ length: 200 }, (_, index) => (index * 73 + 41) & 255);
const text = Buffer.from("Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor\n".repeat(3));
const none = { bytes: new Uint8Array(0), isStreamStart: true };
for (const [name, first] of [
  ["binary", unknown],
  ["text", text],
] as const) {
  const count = 200_000;
  const ask = (): unknown =>
    recognize(PROTOCOLS, { bytes: first, isStreamStart: true }, none, Sender.client, 50_000, "tcp");
  for (let i = 0; i < 20_000; i++) ask();
  const from = performance.now();
  for (let i = 0; i < count; i++) ask();
  const microseconds = ((performance.now() - from) * 1000) / count;
  process.stdout.write(
    `recognition of unknown ${name}, ${PROTOCOLS.length} protocols: ${microseconds.toFixed(2)} us\n`,
  );
}
