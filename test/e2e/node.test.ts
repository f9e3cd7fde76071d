import assert from "node:assert/strict";
import { expectJoined, expectPairs, pairOf, pathOf, spansOfPort } from "../support/expect-spans.ts";
import { ask, type Exchange } from "../support/http-client.ts";
import { Scratch } from "../support/scratch.ts";
import { startNode } from "../support/servers.ts";
import { Sockspan } from "../support/sockspan.ts";

describe("Node's http", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("gives the spans of gets, posts, errors and slow answers, named for the traced process", async () => {
    const node = await startNode(scratch, { env: { OTEL_SERVICE_NAME: "orders" } });
    const sockspan = await Sockspan.start(scratch);
    const exchanges: Exchange[] = [
      await ask(node.port, "/a/hello"),
      await ask(node.port, "/a/status/204/b"),
      await ask(node.port, "/a/status/404/c"),
      await ask(node.port, "/a/status/500/d"),
      await ask(node.port, "/a/slow/120/e"),
      await ask(node.port, "/a/body/1048576/f"),
      await ask(node.port, "/a/hello/g", { method: "POST", body: Buffer.alloc(1 << 20, "y") }),
      await ask(node.port, "/a/hello/h", {
        method: "PUT",
        body: Buffer.from("{}"),
        headers: { expect: "100-continue" },
      }),
    ];
    const spans = await sockspan.stopAndRead();
    expectPairs(spans, exchanges, { serverPort: node.port, clientPid: process.pid, serverPid: node.program.pid });
    const servers = spansOfPort(spans, node.port).filter(({ kind }) => kind === 2);
    assert.deepEqual(new Set(servers.map(({ resource }) => resource.get("service.name"))), new Set(["orders"]));
  });

  it("joins a call to the request that it is made for", async () => {
    const back = await startNode(scratch);
    const front = await startNode(scratch);
    const sockspan = await Sockspan.start(scratch);
    for (let number = 0; number < 5; number += 1) await ask(front.port, `/a/call/${back.port}/b/hello/${number}`);
    const spans = await sockspan.stopAndRead();
    for (let number = 0; number < 5; number += 1) {
      const frontPath = `/a/call/${back.port}/b/hello/${number}`;
      const [, frontServer] = pairOf(spansOfPort(spans, front.port).filter((span) => pathOf(span) === frontPath));
      const [backClient, backServer] = pairOf(
        spansOfPort(spans, back.port).filter((span) => pathOf(span) === `/b/hello/${number}`),
      );
      expectJoined(frontServer, backClient);
      expectJoined(backClient, backServer);
    }
  });
});
