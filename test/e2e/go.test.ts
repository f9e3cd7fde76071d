import { expectJoined, expectPairs, pairOf, pathOf, spansOfPort } from "../support/expect-spans.ts";
import { ask, type Exchange } from "../support/http-client.ts";
import { Scratch } from "../support/scratch.ts";
import { hasGo, startGo, startNode } from "../support/servers.ts";
import { skip } from "../support/skip.ts";
import { Sockspan } from "../support/sockspan.ts";

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
});
