import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { runClient, startRedis } from "../support/backends.ts";
import { spansOfPort } from "../support/expect-spans.ts";
import { askMany } from "../support/http-client.ts";
import { startNginx } from "../support/nginx.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/scratch.ts";
import { Sockspan } from "../support/sockspan.ts";
import { CLIENT, readTraceFile, type TestSpan } from "../support/trace-file.ts";

/** What a capture can't know, or knows from elsewhere: threads, processes, how a call was joined. */
const ONLY_LIVE = /^(thread\.|sockspan\.link|service\.peer|peer\.service|sockspan\.coroutine)/;
/** Both see the same bytes, at two places on their way. */
const TOLERANCE_NS = 50_000_000n;
/** Of a segment that was put together on the loopback interface, headers included. */
const LONGEST_FRAME = 70_000;
/** In immediate mode each frame, however short, takes a slot as long as the longest: about a thousand here. */
const TCPDUMP_BUFFER_KIB = 128 << 10;

function described(span: TestSpan): object {
  const attributes = [...span.attributes].filter(([key]) => !ONLY_LIVE.test(key));
  return { name: span.name, status: span.status, attributes: new Map(attributes.sort(([a], [b]) => (a < b ? -1 : 1))) };
}

describe("the same traffic, live and from a capture", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("gives the same spans with the same ids", async () => {
    const nginx = await startNginx(scratch);
    const redis = await startRedis(scratch);
    const sockspan = await Sockspan.start(scratch);
    const pcap = scratch.path("traffic.pcap");
    const filter = `tcp port ${nginx.port} or tcp port ${redis.port}`;
    const capture = ["-s", `${LONGEST_FRAME}`, "-B", `${TCPDUMP_BUFFER_KIB}`, "-w", pcap, filter];
    const tcpdump = scratch.keep(
      await Program.start(["tcpdump", "-i", "lo", "-U", "--immediate-mode", ...capture], {
        readyOutput: /listening on/,
      }),
    );
    const paths = ["static/a", "big/b", "return/c", "no-such/d"].flatMap((path) =>
      Array.from({ length: 5 }, (_, number) => `/${path}${number}`),
    );
    await askMany(nginx.port, paths, 3);
    const benchmark = [
      "redis-benchmark",
      "-p",
      `${redis.port}`,
      "-c",
      "4",
      "-n",
      "100",
      "-q",
      "-t",
      "set,get,lrange_100",
    ];
    await runClient(scratch, benchmark);
    await runClient(scratch, ["redis-cli", "-p", `${redis.port}`, "no-such-command"]);
    await untilStill(pcap);
    await tcpdump.stop();
    assert.match(tcpdump.output, /^0 packets dropped by kernel/m, "the capture itself has holes");
    const ports = [nginx.port, redis.port];
    const ofPorts = (spans: readonly TestSpan[]) =>
      ports.flatMap((port) => spansOfPort(spans, port)).filter(({ kind }) => kind === CLIENT);
    const live = ofPorts(await sockspan.stopAndRead());
    const output = scratch.path("replayed.jsonl");
    await runClient(scratch, ["bin/sockspan", "replay", pcap, "--output", output]);
    const replayed = new Map(ofPorts(await readTraceFile(output)).map((span) => [span.spanId, span]));
    assert.ok(live.length > 300, `${live.length} spans`);
    assert.equal(replayed.size, live.length);
    for (const span of live) {
      const twin = replayed.get(span.spanId);
      assert.ok(twin !== undefined, `${span.name} ${span.spanId} is not in the capture`);
      assert.deepEqual(described(twin), described(span));
      const apart = twin.startNs - span.startNs;
      assert.ok(apart < TOLERANCE_NS && apart > -TOLERANCE_NS, `${span.name} starts ${apart} ns apart`);
    }
  });
});

/** tcpdump writes what it has as it comes; on a busy machine that may be late. */
async function untilStill(path: string): Promise<void> {
  for (let before = -1, size = 0; size !== before; ) {
    before = size;
    await sleep(1000);
    ({ size } = await stat(path));
  }
}
