import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { runClient, startDnsmasq, startPhpFpm } from "../../support/backends.ts";
import { countBy, expectAllJoined, textOf } from "../../support/count-spans.ts";
import { expectJoined, spansOfPort } from "../../support/expect-spans.ts";
import { ask } from "../../support/http-client.ts";
import { startNginx } from "../../support/nginx.ts";
import { Scratch } from "../../support/scratch.ts";
import { startGrpc } from "../../support/servers.ts";
import { Sockspan } from "../../support/sockspan.ts";
import { CLIENT, SERVER } from "../../support/trace-file.ts";

describe("name servers and remote calls", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("answers every query of dig and dnsperf with a span, over UDP and TCP", async () => {
    const dns = await startDnsmasq(scratch);
    const sockspan = await Sockspan.start(scratch);
    const at = ["@127.0.0.1", "-p", `${dns.port}`, "+tries=1"];
    assert.match(await runClient(scratch, ["dig", ...at, "host.test"]), /192\.0\.2\.7/);
    await runClient(scratch, ["dig", ...at, "+tcp", "text.test", "TXT"]);
    await runClient(scratch, ["dig", ...at, "missing.test", "AAAA"]);
    const queries = scratch.path("queries");
    await writeFile(queries, "host.test A\ntext.test TXT\nmissing.test A\n");
    const load = await runClient(scratch, [
      "dnsperf",
      "-s",
      "127.0.0.1",
      "-p",
      `${dns.port}`,
      "-d",
      queries,
      "-n",
      "100",
    ]);
    assert.equal(Number(/Queries completed:\s+(\d+)/.exec(load)?.[1]), 300);
    const spans = spansOfPort(await sockspan.stopAndRead(), dns.port);
    const names = countBy(spans, SERVER, "dns.question.name");
    assert.deepEqual(
      ["HOST.TEST", "TEXT.TEST", "MISSING.TEST"].map((name) => names.get(name)),
      [101, 101, 101],
    );
    assert.equal(spans.filter((span) => textOf(span, "network.transport") === "tcp").length, 2);
    const failed = spans.filter(({ kind, status }) => kind === CLIENT && status === 2);
    assert.ok(failed.every((span) => textOf(span, "dns.question.name") === "missing.test"));
    expectAllJoined(spans);
  });

  it("follows a request through nginx and FastCGI into PHP, and from there to the next server", async () => {
    const root = scratch.folder;
    const php = await startPhpFpm(scratch, root);
    const back = await startNginx(scratch);
    const nginx = await startNginx(scratch, { phpPort: php.port });
    await writeFile(
      `${root}/page.php`,
      `<?php echo file_get_contents("http://127.0.0.1:${back.port}/return/" . $_GET["n"]);`,
    );
    const sockspan = await Sockspan.start(scratch);
    for (let number = 0; number < 10; number++) {
      const { status } = await ask(nginx.port, `/php/page.php?n=${number}`);
      assert.equal(status, 200);
    }
    const all = await sockspan.stopAndRead();
    const behind = spansOfPort(all, back.port);
    assert.equal(behind.filter(({ kind }) => kind === SERVER).length, 10);
    expectAllJoined(behind);
    const fastcgi = spansOfPort(all, php.port);
    assert.equal(fastcgi.filter(({ kind }) => kind === SERVER).length, 10);
    expectAllJoined(fastcgi);
    const byId = new Map(all.map((span) => [span.spanId, span]));
    for (const call of behind.filter(({ kind }) => kind === CLIENT)) {
      const script = byId.get(call.parentSpanId);
      assert.ok(script !== undefined, "the call of the script has no parent");
      expectJoined({ ...script, kind: CLIENT }, { ...call, kind: SERVER });
    }
  });

  it("tells gRPC calls apart: unary, streams, errors, many at once", async () => {
    const grpc = await startGrpc(scratch);
    const sockspan = await Sockspan.start(scratch);
    await runClient(scratch, [process.execPath, grpc.client, `127.0.0.1:${grpc.port}`]);
    const spans = spansOfPort(await sockspan.stopAndRead(), grpc.port);
    const methods = countBy(spans, SERVER, "rpc.method");
    assert.deepEqual(
      methods,
      new Map([
        ["SHOP.CARTS/GET", 100],
        ["SHOP.CARTS/LIST", 5],
        ["SHOP.CARTS/FAIL", 5],
      ]),
    );
    const failed = spans.filter((span) => textOf(span, "rpc.method") === "shop.Carts/Fail" && span.kind === CLIENT);
    assert.ok(failed.every(({ status }) => status === 2));
    assert.deepEqual(new Set(failed.map((span) => textOf(span, "rpc.response.status_code"))), new Set(["NOT_FOUND"]));
    expectAllJoined(spans);
  });
});
