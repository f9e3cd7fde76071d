import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Direction, type SocketDataEvent } from "../../../src/bpf/layout.gen.ts";
import type { CaptureProblem } from "../../../src/receiver/replay/error.ts";
import { MID_STREAM_OFFSET } from "../../../src/receiver/replay/packets/tcp-connection.ts";
import { Replay, type ReplayTarget } from "../../../src/receiver/replay/replay.ts";
import {
  ethernet,
  ipv4,
  ipv6,
  pcapFile,
  pcapngFile,
  type TcpPacket,
  tcpFrames,
  tcpSegment,
  udpDatagram,
} from "../../support/pcap.ts";

interface Seen {
  readonly text: string;
  readonly isEgress: boolean;
  readonly event: SocketDataEvent;
}

interface Result {
  readonly seen: Seen[];
  readonly states: number[];
  readonly problems: CaptureProblem[];
  readonly offsetNs: bigint;
}

let folder: string;

async function replay(...files: readonly Uint8Array[]): Promise<Result> {
  const seen: Seen[] = [];
  const states: number[] = [];
  const problems: CaptureProblem[] = [];
  let offsetNs = 0n;
  const run = new Replay({
    openTarget: (timeline): ReplayTarget => ({
      socketData: (event, bytes) => {
        offsetNs = timeline.clockOffsetNs();
        const text = Buffer.from(bytes).toString("latin1");
        seen.push({ text, isEgress: event.direction === Direction.egress, event });
      },
      socketState: (event) => states.push(event.newState),
      io: () => {},
      process: () => {},
      wake: () => {},
      handover: () => {},
      streamCall: () => {},
      unitEdge: () => {},
      advance: () => {},
      flush: () => {},
    }),
    problem: (_path, problem) => problems.push(problem),
  });
  for (const [index, bytes] of files.entries()) {
    const path = join(folder, `capture-${index}`);
    writeFileSync(path, bytes);
    await run.file(path);
  }
  run.end();
  return { seen, states, problems, offsetNs };
}

const HANDSHAKE: readonly TcpPacket[] = [
  { fromClient: true, sequence: 999, flags: "S", timeMs: 0 },
  { fromClient: false, sequence: 4999, acknowledgement: 1000, flags: "SA", timeMs: 1 },
  { fromClient: true, sequence: 1000, acknowledgement: 5000, flags: "A", timeMs: 2 },
];

function client(offset: number, payload: string, timeMs: number, acknowledgement = 5000): TcpPacket {
  return { fromClient: true, sequence: 1000 + offset, acknowledgement, payload, timeMs };
}

function server(offset: number, payload: string, timeMs: number, acknowledgement: number): TcpPacket {
  return { fromClient: false, sequence: 5000 + offset, acknowledgement, payload, timeMs };
}

function said(result: Result, isEgress = true): string {
  return result.seen
    .filter((item) => item.isEgress === isEgress)
    .map((item) => item.text)
    .join("");
}

describe("replay of captures", () => {
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sockspan-replay-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const littleEndian of [true, false]) {
    for (const nanoseconds of [true, false]) {
      it(`reads pcap, little endian ${littleEndian}, nanoseconds ${nanoseconds}`, async () => {
        const packets = [...HANDSHAKE, client(0, "ping", 3.000_5), server(0, "pong", 4, 1004)];
        const result = await replay(pcapFile(tcpFrames(packets), { littleEndian, nanoseconds }));
        assert.deepEqual([said(result), said(result, false)], ["ping", "pong"]);
        const wall = result.offsetNs + BigInt(result.seen[0]!.event.header.timestampNs);
        assert.equal(wall, 1_700_000_000_003_000_000n + (nanoseconds ? 500n : 0n));
      });
    }
    it(`reads pcapng, little endian ${littleEndian}`, async () => {
      const result = await replay(pcapngFile(tcpFrames([...HANDSHAKE, client(0, "ping", 3)]), { littleEndian }));
      assert.equal(said(result), "ping");
      const wall = result.offsetNs + BigInt(result.seen[0]!.event.header.timestampNs);
      assert.equal(wall, 1_700_000_000_003_000_000n);
    });
  }

  it("reads gzipped files, and keeps what came before a gzip stream breaks", async () => {
    const file = pcapFile(tcpFrames([...HANDSHAKE, client(0, "ping", 3)]));
    assert.equal(said(await replay(gzipSync(file))), "ping");
    const noise = Array.from({ length: 20_000 }, (_, i) => client(4 + i, String.fromCharCode(i & 255), 4));
    const cut = gzipSync(pcapFile(tcpFrames([...HANDSHAKE, client(0, "ping", 3), ...noise])));
    const result = await replay(cut.subarray(0, cut.length >> 1));
    assert.ok(said(result).startsWith("ping"));
    assert.equal(result.problems[0]?.code, "CAPTURE_TRUNCATED");
  });

  it("says where a cut file breaks, and keeps what came before", async () => {
    const frames = tcpFrames([...HANDSHAKE, client(0, "ping", 3), client(4, "more", 4)]);
    const file = pcapFile(frames);
    const result = await replay(file.subarray(0, file.length - 3));
    assert.equal(said(result), "ping");
    const lastRecord = 16 + frames.at(-1)!.bytes.length;
    assert.deepEqual(
      result.problems.map(({ code, offset }) => [code, offset]),
      [["CAPTURE_TRUNCATED", file.length - lastRecord]],
    );
  });

  it("stops at a record that can't be", async () => {
    const file = Buffer.from(pcapFile(tcpFrames([...HANDSHAKE, client(0, "ping", 3), client(4, "more", 4)])));
    file.writeUInt32LE(0xfffffff0, file.length - 58 - 8);
    const result = await replay(file);
    assert.equal(said(result), "ping");
    assert.equal(result.problems[0]?.code, "CAPTURE_DAMAGED");
  });

  it("refuses what is no capture", async () => {
    await assert.rejects(replay(Buffer.from("hello world")), { code: "CAPTURE_UNKNOWN_FORMAT" });
    await assert.rejects(replay(new Uint8Array(0)), { code: "CAPTURE_UNKNOWN_FORMAT" });
  });

  for (const [name, tags] of [
    ["VLAN", [0x8100]],
    ["QinQ", [0x88a8, 0x8100]],
  ] as const) {
    it(`looks behind ${name} tags`, async () => {
      const bytes = ethernet(ipv4(17, true, udpDatagram(true, "query")), tags);
      assert.equal(said(await replay(pcapFile([{ timeNs: 0, bytes }]))), "query");
    });
  }

  const datagram = ipv4(17, true, udpDatagram(true, "query"));
  const six = ipv6(0, true, Uint8Array.from([17, 0, 1, 4, 0, 0, 0, 0, ...udpDatagram(true, "query")]));
  const links: readonly [string, number, Uint8Array][] = [
    ["Linux cooked v1", 113, Uint8Array.from([...new Uint8Array(14), 8, 0, ...datagram])],
    ["Linux cooked v2", 276, Uint8Array.from([8, 0, ...new Uint8Array(18), ...datagram])],
    ["null", 0, Uint8Array.from([2, 0, 0, 0, ...datagram])],
    ["loop", 108, Uint8Array.from([0, 0, 0, 2, ...datagram])],
    ["raw", 101, datagram],
    ["raw IPv6 with an extension header", 101, six],
    ["Ethernet with padding", 1, Uint8Array.from([...ethernet(datagram), 0, 0, 0, 0, 0, 0])],
  ];
  for (const [name, linkType, bytes] of links) {
    it(`reads ${name}`, async () => {
      assert.equal(said(await replay(pcapFile([{ timeNs: 0, bytes }], { linkType }))), "query");
    });
  }

  it("takes a datagram once that was captured at several places, and twice when it was sent again", async () => {
    const frames = [0, 0.1, 0.2, 1, 1000].map((timeMs, index) => ({
      timeNs: timeMs * 1e6,
      bytes: ethernet(ipv4(17, true, udpDatagram(true, index === 1 ? "other" : "question"))),
    }));
    const result = await replay(pcapFile(frames));
    assert.deepEqual(
      result.seen.map((item) => item.text),
      ["question", "other", "question"],
    );
  });

  it("joins IP fragments in any order", async () => {
    const whole = udpDatagram(true, "0123456789abcdefghij");
    const parts = [ipv4(17, true, whole.subarray(16), 2, 9), ipv4(17, true, whole.subarray(0, 16), 0x2000, 9)];
    const result = await replay(pcapFile(parts.map((part) => ({ timeNs: 0, bytes: ethernet(part) }))));
    assert.equal(said(result), "0123456789abcdefghij");
  });

  it("joins IPv6 fragments", async () => {
    const whole = udpDatagram(true, "0123456789abcdefghij");
    const fragment = (offset: number, more: number, part: Uint8Array): Uint8Array =>
      ipv6(44, true, Uint8Array.from([17, 0, offset >> 8, (offset & 0xf8) | more, 0, 0, 0, 5, ...part]));
    const parts = [fragment(0, 1, whole.subarray(0, 16)), fragment(16, 0, whole.subarray(16))];
    const result = await replay(pcapFile(parts.map((part) => ({ timeNs: 0, bytes: ethernet(part) }))));
    assert.equal(said(result), "0123456789abcdefghij");
  });

  it("gives a cut packet its length on the wire", async () => {
    const result = await replay(pcapFile(tcpFrames([...HANDSHAKE, { ...client(0, "0123456789", 3), kept: 4 }])));
    const { event, text } = result.seen[0]!;
    assert.deepEqual([text, event.callLength, event.capturedLength], ["0123", 10, 4]);
  });
});

describe("replay of TCP", () => {
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sockspan-replay-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  const tcp = (packets: readonly TcpPacket[]): Promise<Result> => replay(pcapFile(tcpFrames(packets)));

  it("puts segments in order", async () => {
    const result = await tcp([...HANDSHAKE, client(3, "def", 3), client(6, "ghi", 4), client(0, "abc", 5)]);
    assert.equal(said(result), "abcdefghi");
    assert.deepEqual(
      result.seen.map((item) => item.event.streamOffset),
      [0, 3, 6],
    );
  });

  it("folds retransmissions, overlaps and keep-alive probes", async () => {
    const result = await tcp([
      ...HANDSHAKE,
      client(0, "abc", 3),
      client(0, "abc", 4),
      client(1, "bcdef", 5),
      client(5, "\0", 6),
      client(6, "g", 7),
    ]);
    assert.equal(said(result), "abcdefg");
  });

  it("waits for a retransmission as long as the other end does not acknowledge the hole", async () => {
    const result = await tcp([
      ...HANDSHAKE,
      client(3, "def", 3),
      { fromClient: false, sequence: 5000, acknowledgement: 1000, flags: "A", timeMs: 4 },
      client(6, "ghi", 900),
      client(0, "abc", 1000),
    ]);
    assert.equal(said(result), "abcdefghi");
  });

  it("leaves a hole where the capture missed a segment", async () => {
    const result = await tcp([
      ...HANDSHAKE,
      client(3, "def", 3),
      { fromClient: false, sequence: 5000, acknowledgement: 1006, flags: "A", timeMs: 4 },
      client(6, "ghi", 400),
    ]);
    assert.equal(said(result), "defghi");
    assert.deepEqual(
      result.seen.map(({ event }) => [event.streamOffset, event.callLength, event.capturedLength]),
      [
        [0, 3, 0],
        [3, 3, 3],
        [6, 3, 3],
      ],
    );
  });

  it("tells what is missing before what was said next, and keeps the time of what had to wait", async () => {
    const result = await tcp([
      ...HANDSHAKE,
      client(0, "ping", 10),
      // The answer, "pong", is not in the capture.
      client(4, "next", 20, 5004),
      server(4, "last", 30, 1008),
      client(8, "over", 500, 5008),
    ]);
    const told = result.seen.map(({ text, event }) => [text, (event.header.timestampNs - 10e9) / 1e6]);
    assert.deepEqual(told, [
      ["ping", 10],
      ["", 10],
      ["next", 20],
      ["last", 30],
      ["over", 500],
    ]);
    assert.equal(result.seen[1]!.isEgress, false);
  });

  it("gives an answer after the request that it acknowledges, also when the file has it before", async () => {
    const result = await tcp([...HANDSHAKE, server(0, "pong", 4, 1004), client(0, "ping", 4.01)]);
    assert.deepEqual(
      result.seen.map((item) => item.text),
      ["ping", "pong"],
    );
  });

  it("gives an answer whose request was not captured", async () => {
    const result = await tcp([...HANDSHAKE, server(0, "pong", 4, 1004), client(4, "next", 300, 5004)]);
    assert.deepEqual(
      result.seen.map((item) => item.text),
      ["", "pong", "next"],
    );
    assert.equal(result.seen[2]!.event.streamOffset, 4);
  });

  it("goes past the end of the sequence space", async () => {
    const at = 0xfffffffe;
    const result = await tcp([
      { fromClient: true, sequence: at - 1, flags: "S", timeMs: 0 },
      { fromClient: false, sequence: 4999, acknowledgement: at, flags: "SA", timeMs: 1 },
      { fromClient: true, sequence: at + 4, acknowledgement: 5000, payload: "efgh", timeMs: 3 },
      { fromClient: true, sequence: at, acknowledgement: 5000, payload: "abcd", timeMs: 4 },
    ]);
    assert.equal(said(result), "abcdefgh");
  });

  it("takes data on the SYN", async () => {
    const result = await tcp([
      { fromClient: true, sequence: 999, flags: "S", payload: "fast", timeMs: 0 },
      { fromClient: false, sequence: 4999, acknowledgement: 1004, flags: "SA", timeMs: 1 },
      client(4, "open", 2),
    ]);
    assert.equal(said(result), "fastopen");
  });

  it("leaves it to the content who is the client where both ends open at once", async () => {
    const result = await tcp([
      { fromClient: true, sequence: 999, flags: "S", timeMs: 0 },
      { fromClient: false, sequence: 4999, flags: "S", timeMs: 1 },
      { fromClient: true, sequence: 999, acknowledgement: 5000, flags: "SA", timeMs: 2 },
      { fromClient: false, sequence: 4999, acknowledgement: 1000, flags: "SA", timeMs: 3 },
      server(0, "ping", 4, 1000),
      client(0, "pong", 5, 5004),
    ]);
    assert.deepEqual([said(result), said(result, false)], ["pong", "ping"]);
    assert.deepEqual(
      result.seen.map(({ event }) => [event.role, event.streamOffset]),
      [
        [0, 0],
        [0, 0],
      ],
    );
    assert.deepEqual(result.states, [2, 1]);
  });

  it("starts in the middle of a connection, away from offset 0", async () => {
    const result = await tcp([client(0, "abc", 3), server(0, "xyz", 4, 1003), client(3, "def", 5, 5003)]);
    assert.deepEqual([said(result), said(result, false)], ["abcdef", "xyz"]);
    assert.equal(result.seen[0]!.event.streamOffset, MID_STREAM_OFFSET);
    assert.equal(result.seen[0]!.event.role, 0);
  });

  it("closes on RST and when both ends have sent FIN; the port may be used again", async () => {
    const reset = { fromClient: false, sequence: 5000, acknowledgement: 1004, flags: "RA", timeMs: 5 };
    const result = await tcp([
      ...HANDSHAKE,
      client(0, "ping", 3),
      reset,
      { fromClient: true, sequence: 7999, flags: "S", timeMs: 6 },
      { fromClient: true, sequence: 8000, payload: "again", acknowledgement: 100, flags: "PA", timeMs: 7 },
      { fromClient: false, sequence: 100, acknowledgement: 8005, flags: "FA", timeMs: 8 },
      { fromClient: true, sequence: 8005, acknowledgement: 101, flags: "FA", timeMs: 9 },
    ]);
    assert.equal(said(result), "pingagain");
    assert.deepEqual(result.states, [2, 1, 7, 2, 7]);
    assert.notEqual(result.seen[0]!.event.socketCookie, result.seen[1]!.event.socketCookie);
  });

  it("knows the client by a SYN-ACK alone", async () => {
    const result = await tcp([HANDSHAKE[1]!, HANDSHAKE[2]!, client(0, "ping", 3)]);
    const { event, isEgress } = result.seen[0]!;
    assert.deepEqual([isEgress, event.role, event.streamOffset, event.tuple.remotePort], [true, 1, 0, 80]);
  });

  it("starts afresh when a later file begins earlier", async () => {
    const packet = { timeNs: 60e9, bytes: ethernet(ipv4(6, true, tcpSegment(client(0, "late", 0)))) };
    const early = pcapFile(tcpFrames([...HANDSHAKE, client(0, "early", 3)]));
    const result = await replay(pcapFile([packet]), early);
    assert.equal(said(result), "lateearly");
    assert.equal(result.offsetNs + BigInt(result.seen[1]!.event.header.timestampNs), 1_700_000_000_003_000_000n);
  });
});
