/** A consumer that stalls: what the ring can hold is not lost, and what it can't is counted. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { HookSet } from "../../../src/bpf/feature.ts";
import { Direction } from "../../../src/bpf/layout.gen.ts";
import { freePort } from "../../support/free-port.ts";
import { skip } from "../../support/skip.ts";
import { type DataRecord, KernelCapture } from "./support/kernel-capture.ts";

const COMMANDS_PER_SECOND = 20_000;
const SECONDS = 1;
const STALL_MS = 50;
const CONNECTIONS = 20;
const COMMAND = Buffer.from("*3\r\n$3\r\nSET\r\n$5\r\nkey:1\r\n$8\r\nabcdefgh\r\n");

/** Sends at a constant rate, whatever the answers do. @returns commands sent, all of which are answered */
async function load(sockets: readonly Socket[]): Promise<number> {
  let answered = 0;
  for (const socket of sockets) {
    socket.on("data", (bytes) => {
      for (const byte of bytes) if (byte === 0x0a) answered++;
    });
  }
  let sent = 0;
  const start = performance.now();
  for (const total = COMMANDS_PER_SECOND * SECONDS; sent < total; ) {
    const due = Math.min(total, ((performance.now() - start) * COMMANDS_PER_SECOND) / 1000);
    for (; sent < due; sent++) sockets[sent % sockets.length]!.write(COMMAND);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  while (answered < sent) await new Promise((resolve) => setTimeout(resolve, 5));
  return sent;
}

/** Event numbers that no event has, over all sockets and both directions. */
function missingNumbers(events: readonly DataRecord[]): number {
  const last = new Map<string, number>();
  let missing = 0;
  for (const { socketCookie, direction, eventNumber } of events) {
    const key = `${socketCookie} ${direction}`;
    missing += eventNumber - (last.get(key) ?? -1) - 1;
    last.set(key, eventNumber);
  }
  return missing;
}

describe("a consumer that stalls for 50 ms at 20 000 Redis commands a second", () => {
  let redis: ChildProcess;
  let sockets: Socket[] = [];

  before(async function () {
    if (spawnSync("redis-server", ["--version"]).status !== 0) skip(this, "redis-server is not there");
    const port = await freePort();
    redis = spawn("redis-server", ["--port", String(port), "--save", "", "--bind", "127.0.0.1"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    for await (const line of redis.stdout!) if (String(line).includes("Ready to accept")) break;
    sockets = Array.from({ length: CONNECTIONS }, () => connect(port, "127.0.0.1").setNoDelay());
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
  });

  after(() => {
    for (const socket of sockets) socket.destroy();
    redis?.kill();
  });

  async function run(ringSizeBytes: number): Promise<{ events: DataRecord[]; sent: number; lost: number }> {
    using capture = new KernelCapture({ sends: HookSet.a, receives: HookSet.a, ringSizeBytes });
    const timer = setInterval(() => capture.drain(), STALL_MS);
    const sent = await load(sockets);
    clearInterval(timer);
    // What other sockets of the host lost is counted too: all of their events are here as well.
    const events = [...capture.drain().data];
    // Room for one more event of each socket: its number shows what was lost before it.
    for (const socket of sockets) socket.write(COMMAND);
    await new Promise((resolve) => setTimeout(resolve, 200));
    events.push(...capture.drain().data.slice(events.length));
    return { events, sent, lost: capture.lost("ring_full") };
  }

  it("loses nothing that the ring can hold", async () => {
    const { events, sent, lost } = await run(16 << 20);
    assert.equal(lost, 0);
    assert.equal(missingNumbers(events), 0);
    const ofRedis = events.filter(({ header }) => header.tgid === redis.pid);
    const read = ofRedis.filter(({ direction }) => direction === Direction.ingress);
    const commands = read.reduce((sum, { callLength }) => sum + callLength, 0) / COMMAND.length;
    assert.equal(commands, sent + CONNECTIONS);
  });

  it("counts what the ring can't hold, and shows it in the numbers of the events", async () => {
    const { events, lost } = await run(64 << 10);
    assert.ok(lost > 0, "a ring of 64 KiB is full in a millisecond or two");
    const ofLoad = events.filter(({ header }) => header.tgid === redis.pid || header.tgid === process.pid);
    assert.ok(missingNumbers(ofLoad) > 0 && missingNumbers(events) <= lost);
    assert.ok(missingNumbers(ofLoad) >= lost * 0.5, `${missingNumbers(ofLoad)} of ${lost}`);
  });
});
