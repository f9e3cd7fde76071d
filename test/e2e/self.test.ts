import assert from "node:assert/strict";
import { pathOf, spansOfPort } from "../support/expect-spans.ts";
import { ask } from "../support/http-client.ts";
import { Scratch } from "../support/scratch.ts";
import { startNode } from "../support/servers.ts";
import { Sockspan } from "../support/sockspan.ts";

describe("sockspan itself", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("is never traced, nor is either end of its export to a traced server", async () => {
    const node = await startNode(scratch);
    const collector = await startNode(scratch);
    // The server answers what its path asks for, to /a/status/200/v1/traces: 200.
    const endpoint = `http://127.0.0.1:${collector.port}/a/status/200`;
    const sockspan = await Sockspan.start(scratch, {
      exporters: { otlp_http: `{ endpoint: "${endpoint}", compression: none }` },
    });
    for (let number = 0; number < 5; number += 1) await ask(node.port, `/self/${number}`);
    await ask(collector.port, "/self/before-the-exports");
    const spans = await sockspan.stopAndRead();
    assert.equal(spansOfPort(spans, node.port).length, 10);
    assert.match(sockspan.program.output, /ready/);
    // The collector's other traffic is seen: only the exports are not.
    assert.deepEqual(spansOfPort(spans, collector.port).map(pathOf), [
      "/self/before-the-exports",
      "/self/before-the-exports",
    ]);
    assert.deepEqual(
      spans.filter(({ resource }) => resource.get("service.name") === "sockspan"),
      [],
    );
  });
});
