import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
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

  it("gives the spans of a recorded exchange, with the resources of its processes", async () => {
    const node = await startNode(scratch, { env: { OTEL_SERVICE_NAME: "orders" } });
    const [recording, ready, spans] = ["events.gz", "ready", "spans.jsonl"].map((name) => scratch.path(name));
    const args = ["record", "-o", recording!, "--ready-file", ready!];
    const recorder = scratch.keep(await Program.start([PROGRAM, ...args]));
    while (!existsSync(ready!)) {
      if (recorder.hasEnded) throw new Error(recorder.output);
      await sleep(20);
    }
    await ask(node.port, "/a/hello");
    recorder.signal("SIGTERM");
    assert.equal(await recorder.end(), 0, recorder.output);
    const replay = scratch.keep(await Program.start([PROGRAM, "replay", recording!, "--output", spans!]));
    assert.equal(await replay.end(), 0, replay.output);
    const text = readFileSync(spans!, "utf8");
    assert.match(text, /"key":"url.path","value":\{"stringValue":"\/a\/hello"/);
    assert.match(text, /"key":"service.name","value":\{"stringValue":"orders"/);
  });
});
