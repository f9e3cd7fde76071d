import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runClient, startRedis } from "../support/backends.ts";
import { ask } from "../support/http-client.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/scratch.ts";
import { startNode } from "../support/servers.ts";

const PROGRAM = resolve("bin/sockspan");

describe("record and replay", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  /** What is replayed of a recording that was made while `act` ran: OTLP JSON. */
  async function recorded(act: () => Promise<unknown>): Promise<string> {
    const [recording, ready, spans] = ["events.gz", "ready", "spans.jsonl"].map((name) => scratch.path(name));
    const args = ["record", "-o", recording!, "--ready-file", ready!];
    const recorder = scratch.keep(await Program.start([PROGRAM, ...args]));
    while (!existsSync(ready!)) {
      if (recorder.hasEnded) throw new Error(recorder.output);
      await sleep(20);
    }
    await act();
    recorder.signal("SIGTERM");
    assert.equal(await recorder.end(), 0, recorder.output);
    const replay = scratch.keep(await Program.start([PROGRAM, "replay", recording!, "--output", spans!]));
    assert.equal(await replay.end(), 0, replay.output);
    return readFileSync(spans!, "utf8");
  }

  it("gives the spans of a recorded exchange, with the resources of its processes", async () => {
    const node = await startNode(scratch, { env: { OTEL_SERVICE_NAME: "orders" } });
    const text = await recorded(() => ask(node.port, "/a/hello"));
    assert.match(text, /"key":"url.path","value":\{"stringValue":"\/a\/hello"/);
    assert.match(text, /"key":"service.name","value":\{"stringValue":"orders"/);
  });

  it("keeps the names of sockets of the file system", async () => {
    const redis = await startRedis(scratch);
    const text = await recorded(() => runClient(scratch, ["redis-cli", "-s", redis.socket, "set", "key", "value"]));
    for (const key of ["network.peer.address", "network.local.address"]) {
      assert.ok(text.includes(`"key":"${key}","value":{"stringValue":"${redis.socket}"`), key);
    }
  });
});
