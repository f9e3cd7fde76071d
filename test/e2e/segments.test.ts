import assert from "node:assert/strict";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expectJoined, pairOf, pathOf, spansOfPort } from "../support/expect-spans.ts";
import { askInPieces } from "../support/http-client.ts";
import { startNginx } from "../support/nginx.ts";
import { Scratch } from "../support/scratch.ts";
import { startNode } from "../support/servers.ts";
import { Sockspan } from "../support/sockspan.ts";
import { CLIENT, SERVER } from "../support/trace-file.ts";

describe("requests that come in odd pieces", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: odd.test\r\nConnection: close\r\n\r\n`;

  it("gives one pair of spans for a header in two segments, one byte per write, and two requests in one", async () => {
    const nginx = await startNginx(scratch);
    const sockspan = await Sockspan.start(scratch);
    const two = request("/return/two");
    await askInPieces(nginx.port, [two.slice(0, 25), two.slice(25)], 30);
    await askInPieces(nginx.port, [...request("/return/bytes")], 1);
    const kept = "GET /return/first HTTP/1.1\r\nHost: odd.test\r\n\r\n";
    await askInPieces(nginx.port, [kept + request("/return/second")], 0);
    const spans = spansOfPort(await sockspan.stopAndRead(), nginx.port);
    const paths = ["/return/two", "/return/bytes", "/return/first", "/return/second"];
    for (const path of paths) {
      const ofPath = spans.filter((span) => pathOf(span) === path);
      assert.equal(ofPath.length, 2, path);
      const [client, server] = pairOf(ofPath);
      expectJoined(client, server);
      assert.equal(server.attributes.get("http.response.status_code"), 200);
      assert.equal(server.attributes.get("server.address"), "odd.test");
    }
    assert.equal(spans.length, paths.length * 2);
  });

  it("ends the spans of a client that dies half way, and says so", async () => {
    const node = await startNode(scratch);
    const sockspan = await Sockspan.start(scratch);
    const socket = connect(node.port, "127.0.0.1");
    socket.write("GET /a/slow/10000/dies HTTP/1.1\r\nHost: a\r\n\r\n");
    await sleep(200);
    socket.resetAndDestroy();
    await sleep(200);
    const spans = spansOfPort(await sockspan.stopAndRead(), node.port);
    for (const kind of [CLIENT, SERVER]) {
      const found = spans.filter((span) => span.kind === kind && pathOf(span) === "/a/slow/10000/dies");
      assert.equal(found.length, 1, `spans of kind ${kind}`);
      assert.equal(found[0]?.attributes.has("http.response.status_code"), false);
      assert.ok(found[0]?.attributes.has("error.type"), "error.type");
    }
  });
});
