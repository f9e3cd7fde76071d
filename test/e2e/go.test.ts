import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { expectJoined, expectPairs, pairOf, pathOf, spansOfPort } from "../support/expect-spans.ts";
import { ask, type Exchange } from "../support/http-client.ts";
import { Scratch } from "../support/scratch.ts";
import { hasGo, startGo, startNode } from "../support/servers.ts";
import { skip } from "../support/skip.ts";
import { Sockspan } from "../support/sockspan.ts";
import { SERVER, type TestSpan } from "../support/trace-file.ts";

/** What is called behind an answer waits for a moment in which it may show to be another's. */
const BEHIND_MS = 2000;

describe("Go's net/http", () => {
  let scratch: Scratch;
  beforeEach(async function () {
    this.timeout(120_000);
    if (!hasGo()) skip(this, "go is not installed");
    scratch = await Scratch.create();
  });
  afterEach(() => scratch?.cleanUp());

  it("gives the spans of a Go server and of its calls", async () => {
    const back = await startNode(scratch);
    const go = await startGo(scratch);
    const sockspan = await Sockspan.start(scratch);
    const exchanges: Exchange[] = [];
    for (let number = 0; number < 5; number += 1) {
      exchanges.push(await ask(go.port, `/hello/${number}`));
      exchanges.push(await ask(go.port, `/call/${back.port}/a/${number}`));
    }
    const spans = await sockspan.stopAndRead();
    expectPairs(spans, exchanges, { serverPort: go.port, serverPid: go.program.pid });
    for (let number = 0; number < 5; number += 1) {
      const [client, server] = pairOf(spansOfPort(spans, back.port).filter((span) => pathOf(span) === `/a/${number}`));
      expectJoined(client, server);
    }
  });

  it("joins what a handler over HTTP/2 has started when its goroutine has become another one", async function () {
    if (!hasGo(24)) skip(this, "go 1.24 is not installed");
    const back = await startNode(scratch);
    const go = await startGo(scratch, "go-streams");
    const sockspan = await Sockspan.start(scratch);
    const askTen = async (name: string): Promise<void> => {
      for (let number = 0; number < 10; number += 1) await ask(go.port, `/ask/${back.port}/${name}${number}`);
      await delay(BEHIND_MS);
    };
    // The first of these show that it is needed; on a busy host it takes a while until it is there.
    for (const name of ["first", "second", "third", "fourth", "then"]) await askTen(name);
    const spans = await sockspan.stopAndRead();
    for (let number = 0; number < 10; number += 1) {
      const path = `/then${number}`;
      const [call] = pairOf(spansOfPort(spans, back.port).filter((span) => pathOf(span) === path));
      const isServed = (span: TestSpan) => span.kind === SERVER && pathOf(span) === `/behind/${back.port}${path}`;
      assert.equal(call.parentSpanId, spans.find(isServed)?.spanId, path);
      assert.equal(call.attributes.get("sockspan.link.evidence"), "creator");
    }
  });
});
