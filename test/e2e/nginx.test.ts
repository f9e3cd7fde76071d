import assert from "node:assert/strict";
import { expectJoined, expectPairs, pairOf, pathOf, spansOfPort } from "../support/expect-spans.ts";
import { ask, askMany, type Exchange } from "../support/http-client.ts";
import { startNginx } from "../support/nginx.ts";
import { Scratch } from "../support/scratch.ts";
import { startNode } from "../support/servers.ts";
import { Sockspan } from "../support/sockspan.ts";

describe("nginx", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("gives the spans of files sent by sendfile, of 1 MiB bodies and of answers from memory", async () => {
    const nginx = await startNginx(scratch);
    const sockspan = await Sockspan.start(scratch);
    const exchanges: Exchange[] = [];
    for (const kind of ["static", "big", "return", "no-such"]) {
      for (let number = 0; number < 3; number += 1) exchanges.push(await ask(nginx.port, `/${kind}/${number}`));
    }
    exchanges.push(await ask(nginx.port, "/return/head", { method: "HEAD" }));
    const spans = await sockspan.stopAndRead();
    expectPairs(spans, exchanges, { serverPort: nginx.port, clientPid: process.pid });
    const [, server] = pairOf(spansOfPort(spans, nginx.port).filter((span) => pathOf(span) === "/big/0"));
    assert.equal(server.resource.get("process.executable.name"), "nginx");
  });

  it("joins the proxied request to the one that it serves, over kept connections", async () => {
    const node = await startNode(scratch);
    const nginx = await startNginx(scratch, { upstreamPort: node.port });
    const sockspan = await Sockspan.start(scratch);
    const paths = Array.from({ length: 20 }, (_, number) => `/proxy/status/${number % 5 === 4 ? 503 : 200}/${number}`);
    const exchanges = await askMany(nginx.port, paths, 1);
    const spans = await sockspan.stopAndRead();
    expectPairs(spans, exchanges, { serverPort: nginx.port });
    expectPairs(
      spans,
      exchanges.map((exchange) => ({ ...exchange, localPort: 0 })),
      {
        serverPort: node.port,
        serverPid: node.program.pid,
      },
    );
    for (const path of paths) {
      const at = (port: number) => pairOf(spansOfPort(spans, port).filter((span) => pathOf(span) === path));
      const [, nginxServer] = at(nginx.port);
      const [nginxClient] = at(node.port);
      expectJoined({ ...nginxServer }, { ...nginxClient });
    }
  });
});
