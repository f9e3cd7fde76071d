import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { runClient, startMariadb, startPhpFpmAtSocket, startPostgres, startRedis } from "../support/backends.ts";
import { textOf } from "../support/count-spans.ts";
import { expectJoined, pathOf, spansOfPort } from "../support/expect-spans.ts";
import { askMany } from "../support/http-client.ts";
import { startNginx } from "../support/nginx.ts";
import { Scratch } from "../support/scratch.ts";
import { Sockspan } from "../support/sockspan.ts";
import { CLIENT, SERVER, type TestSpan } from "../support/trace-file.ts";

/** Each SERVER span of the socket with the CLIENT span that it is joined to. */
function expectPairsOf(spans: readonly TestSpan[], socket: string): [client: TestSpan, server: TestSpan][] {
  const servers = spans.filter((span) => textOf(span, "network.local.address") === socket);
  const clients = new Map(
    spans.filter((span) => textOf(span, "network.peer.address") === socket).map((span) => [span.spanId, span]),
  );
  assert.equal(clients.size, servers.length, "as many calls as are served");
  return servers.map((server) => {
    const client = clients.get(server.parentSpanId ?? "");
    assert.ok(client !== undefined, `no CLIENT is the parent of ${server.name}`);
    expectJoined(client, server);
    for (const span of [client, server]) assert.equal(textOf(span, "network.transport"), "unix");
    assert.deepEqual([client.kind, server.kind], [CLIENT, SERVER]);
    return [client, server];
  });
}

describe("sockets of the file system", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("join nginx and PHP-FPM: each request in one trace, 16 at a time", async () => {
    const root = scratch.folder;
    const socket = await startPhpFpmAtSocket(scratch, root, 16);
    const back = await startNginx(scratch);
    const nginx = await startNginx(scratch, { phpSocket: socket });
    await writeFile(
      `${root}/page.php`,
      `<?php usleep(rand(0, 3000)); echo file_get_contents("http://127.0.0.1:${back.port}/return/" . $_GET["n"]);`,
    );
    const sockspan = await Sockspan.start(scratch);
    const paths = Array.from({ length: 200 }, (_, number) => `/php/page.php?n=${number}`);
    const exchanges = await askMany(nginx.port, paths, 16);
    assert.ok(exchanges.every(({ status }) => status === 200));
    const spans = await sockspan.stopAndRead();
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const pairs = expectPairsOf(spans, socket);
    assert.equal(pairs.length, paths.length);
    for (const [client, server] of pairs) {
      assert.equal(client.resource.get("process.executable.name"), "nginx");
      assert.match(String(server.resource.get("process.executable.name")), /php-fpm/);
      const proxied = byId.get(client.parentSpanId ?? "");
      assert.equal(proxied?.kind, SERVER);
      assert.equal(proxied?.attributes.get("server.port"), nginx.port);
      assert.equal(proxied?.traceId, server.traceId);
    }
    // The number is in the path behind PHP, and not redacted: nginx's own span must be of the same request.
    const calls = spansOfPort(spans, back.port).filter(({ kind }) => kind === CLIENT);
    assert.equal(calls.length, paths.length);
    const asked = new Map(exchanges.map(({ path, localPort }) => [path.replace(/.*n=/, ""), localPort]));
    for (const call of calls) {
      const server = byId.get(call.parentSpanId ?? "");
      const entry = byId.get(byId.get(server?.parentSpanId ?? "")?.parentSpanId ?? "");
      const number = pathOf(call).split("/").at(-1) ?? "";
      assert.equal(entry?.attributes.get("network.peer.port"), asked.get(number), `the trace of request ${number}`);
    }
  });

  it("give the spans of Redis, PostgreSQL and MariaDB", async () => {
    const redis = await startRedis(scratch);
    const postgres = await startPostgres(scratch);
    const mariadb = await startMariadb(scratch);
    const sockspan = await Sockspan.start(scratch);
    await runClient(scratch, ["redis-cli", "-s", redis.socket, "set", "key", "value"]);
    await runClient(scratch, ["redis-benchmark", "-s", redis.socket, "-c", "4", "-n", "200", "-q", "-t", "get"]);
    const psql = ["psql", "-h", dirname(postgres.socket), "-p", `${postgres.port}`, "-U", "postgres", "-X", "-A", "-t"];
    for (let number = 0; number < 5; number++)
      await runClient(scratch, [...psql, "-c", `select ${number}`, "postgres"]);
    const mysql = ["mariadb", "--no-defaults", "--socket", mariadb.socket, "-u", "root", "-e"];
    for (let number = 0; number < 5; number++) await runClient(scratch, [...mysql, `select ${number} from dual`]);
    const spans = await sockspan.stopAndRead();
    const named = (socket: string, name: string) =>
      expectPairsOf(spans, socket).filter(([, server]) => server.name.toUpperCase().startsWith(name)).length;
    assert.equal(named(redis.socket, "SET"), 1);
    assert.equal(named(redis.socket, "GET"), 200);
    assert.equal(named(postgres.socket, "SELECT"), 5);
    assert.equal(named(mariadb.socket, "SELECT"), 5);
    const [client] = expectPairsOf(spans, postgres.socket)[0]!;
    assert.equal(client.attributes.get("server.address"), postgres.socket);
    assert.equal(client.attributes.has("server.port"), false);
  });

  it("leave out what is switched off", async () => {
    const redis = await startRedis(scratch);
    const sockspan = await Sockspan.start(scratch, { receiver: "{ unix_sockets: false }" });
    await runClient(scratch, ["redis-cli", "-s", redis.socket, "set", "key", "value"]);
    await runClient(scratch, ["redis-cli", "-p", `${redis.port}`, "get", "key"]);
    const spans = await sockspan.stopAndRead();
    assert.equal(spansOfPort(spans, redis.port).length, 2);
    assert.equal(spans.filter((span) => textOf(span, "network.transport") === "unix").length, 0);
  });
});
