import assert from "node:assert/strict";
import { expectJoined, pairOf, pathOf, spansOfPort } from "../support/expect-spans.ts";
import { Scratch } from "../support/scratch.ts";
import { runPythonClient, startPython } from "../support/servers.ts";
import { Sockspan } from "../support/sockspan.ts";
import { CLIENT, SERVER } from "../support/trace-file.ts";

describe("Python's http.server and requests", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("gives both spans of every request, also of a client that is gone at once", async () => {
    const python = await startPython(scratch);
    const sockspan = await Sockspan.start(scratch);
    const clientPid = await runPythonClient(scratch, `http://127.0.0.1:${python.port}`, 10, 200_000);
    const spans = spansOfPort(await sockspan.stopAndRead(), python.port);
    const expected = new Map([
      ...Array.from({ length: 10 }, (_, number) => [`/get/${number}`, "GET 200"] as const),
      ["/post/0", "POST 200"],
      ["/missing/0", "GET 404"],
    ]);
    for (const kind of [CLIENT, SERVER]) {
      const found = spans.filter((span) => span.kind === kind);
      assert.deepEqual(
        new Map(
          found.map(({ attributes: a, ...span }) => [
            pathOf({ attributes: a, ...span }),
            `${a.get("http.request.method")} ${a.get("http.response.status_code")}`,
          ]),
        ),
        expected,
      );
      assert.equal(found.length, expected.size);
    }
    for (const path of expected.keys()) {
      const [client, server] = pairOf(spans.filter((span) => pathOf(span) === path));
      expectJoined(client, server);
      assert.equal(client.resource.get("process.pid"), clientPid);
      assert.equal(server.resource.get("process.pid"), python.program.pid);
      assert.equal(server.resource.get("service.name"), "server");
    }
  });
});
