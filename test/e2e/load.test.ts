import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { expectPairs, spansOfPort } from "../support/expect-spans.ts";
import { askMany } from "../support/http-client.ts";
import { startNginx } from "../support/nginx.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/scratch.ts";
import { Sockspan } from "../support/sockspan.ts";
import { CLIENT, SERVER } from "../support/trace-file.ts";

describe("many requests at once", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("loses none of 20 000 on 64 connections, and doubles none", async function () {
    this.timeout(120_000);
    const nginx = await startNginx(scratch);
    const sockspan = await Sockspan.start(scratch);
    const paths = Array.from({ length: 20_000 }, (_, number) => `/return/${number}`);
    const exchanges = await askMany(nginx.port, paths, 64);
    assert.equal(exchanges.length, paths.length);
    const spans = await sockspan.stopAndRead();
    expectPairs(spans, exchanges, { serverPort: nginx.port });
  });

  it("counts as many as nginx's own log when wrk asks", async function () {
    this.timeout(120_000);
    const nginx = await startNginx(scratch);
    const sockspan = await Sockspan.start(scratch);
    const wrk = scratch.keep(
      await Program.start(["wrk", "-t", "1", "-c", "16", "-d", "1s", `http://127.0.0.1:${nginx.port}/static/wrk`]),
    );
    assert.equal(await wrk.end(), 0, wrk.output);
    // nginx ends gracefully and writes its log out.
    await nginx.program.stop();
    const spans = spansOfPort(await sockspan.stopAndRead(), nginx.port);
    const answered = (await readFile(nginx.accessLog, "utf8"))
      .split("\n")
      .filter((line) => line.endsWith(" 200")).length;
    const withStatus = (kind: number) =>
      spans.filter((span) => span.kind === kind && span.attributes.get("http.response.status_code") === 200).length;
    assert.ok(answered > 100, "wrk asked hardly anything");
    assert.equal(withStatus(SERVER), answered);
    // wrk goes while its last answers are on the way: as many as it has connections may never be read.
    assert.ok(withStatus(CLIENT) <= answered && withStatus(CLIENT) >= answered - 16);
  });

  it("ends in time, and without a fault, when it is told to while requests come", async function () {
    this.timeout(60_000);
    const nginx = await startNginx(scratch);
    const sockspan = await Sockspan.start(scratch);
    const url = `http://127.0.0.1:${nginx.port}/static/wrk`;
    scratch.keep(await Program.start(["wrk", "-t", "1", "-c", "32", "-d", "30s", url]));
    await sleep(2000);
    const spans = spansOfPort(await sockspan.stopAndRead(), nginx.port);
    assert.doesNotMatch(sockspan.program.output, /shutting down failed|spans lost/);
    assert.ok(spans.length > 1000, `${spans.length} spans`);
  });
});
