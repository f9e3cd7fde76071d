import assert from "node:assert/strict";
import { runClient, startMariadb, startMemcached, startPostgres, startRedis } from "../../support/backends.ts";
import { countBy, expectAllJoined, textOf } from "../../support/count-spans.ts";
import { spansOfPort } from "../../support/expect-spans.ts";
import { Scratch } from "../../support/scratch.ts";
import { Sockspan } from "../../support/sockspan.ts";
import { CLIENT, SERVER } from "../../support/trace-file.ts";

describe("databases, driven by their own clients", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("counts Redis commands as Redis does, also those of a pipeline", async () => {
    const redis = await startRedis(scratch);
    const sockspan = await Sockspan.start(scratch);
    const benchmark = ["redis-benchmark", "-p", `${redis.port}`, "-c", "8", "-q", "-t", "set,get,incr,lpush"];
    await runClient(scratch, [...benchmark, "-n", "500"]);
    await runClient(scratch, [...benchmark, "-n", "480", "-P", "16"]);
    const stats = await runClient(scratch, ["redis-cli", "-p", `${redis.port}`, "info", "commandstats"]);
    const spans = spansOfPort(await sockspan.stopAndRead(), redis.port);
    const servers = countBy(spans, SERVER, "db.operation.name");
    for (const command of ["set", "get", "incr", "lpush"]) {
      const calls = Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1]);
      assert.equal(calls, 980, command);
      assert.equal(servers.get(command.toUpperCase()), calls, command);
    }
    expectAllJoined(spans);
  });

  it("counts MariaDB's statements as MariaDB does, and shows their errors", async () => {
    const mariadb = await startMariadb(scratch);
    const sockspan = await Sockspan.start(scratch);
    const at = ["--no-defaults", "-h", "127.0.0.1", "-P", `${mariadb.port}`, "-u", "root"];
    const mysql = (sql: string) => runClient(scratch, ["mariadb", ...at, "-N", "-e", sql]);
    await mysql("create database shop; create table shop.item (id int primary key, name varchar(20))");
    await runClient(scratch, [
      ...["mariadb-slap", ...at, "--concurrency=4", "--number-of-queries=400", "--create-schema=shop", "--no-drop"],
      ...["--query=insert into item values (floor(rand()*1e9), 'a secret') on duplicate key update name='x'"],
    ]);
    await mysql("select count(*) from shop.item where name = 'a secret'");
    await assert.rejects(mysql("select broken from shop.item"), /ERROR 1054/);
    const status = await mysql("show global status like 'Com_insert'");
    const spans = spansOfPort(await sockspan.stopAndRead(), mariadb.port);
    const inserts = spans.filter((span) => span.kind === SERVER && textOf(span, "db.operation.name") === "INSERT");
    assert.equal(Number(/Com_insert\s+(\d+)/.exec(status)?.[1]), 400);
    assert.equal(inserts.length, 400);
    assert.equal(inserts[0]?.attributes.get("db.collection.name"), "item");
    for (const span of spans) assert.doesNotMatch(textOf(span, "db.query.text"), /secret/);
    const broken = spans.filter((span) => textOf(span, "db.response.status_code") === "1054");
    assert.deepEqual(new Set(broken.map(({ kind }) => kind)), new Set([CLIENT, SERVER]));
    expectAllJoined(spans);
  });

  it("counts PostgreSQL's statements as pg_stat_statements does, in each of its protocols", async () => {
    const postgres = await startPostgres(scratch);
    const at = ["-h", "127.0.0.1", "-p", `${postgres.port}`, "-U", "postgres"];
    const psql = (sql: string) => runClient(scratch, ["psql", ...at, "-X", "-A", "-t", "-c", sql, "postgres"]);
    await psql("create extension pg_stat_statements");
    await runClient(scratch, ["pgbench", ...at, "-i", "-q", "postgres"]);
    await psql("select pg_stat_statements_reset()");
    const sockspan = await Sockspan.start(scratch);
    for (const mode of ["simple", "extended", "prepared"]) {
      await runClient(scratch, ["pgbench", ...at, "-n", "-c", "2", "-t", "50", "-M", mode, "postgres"]);
    }
    const calls = await psql(
      "select upper(split_part(query, ' ', 1)) || '=' || sum(calls) from pg_stat_statements group by upper(split_part(query, ' ', 1))",
    );
    const spans = spansOfPort(await sockspan.stopAndRead(), postgres.port);
    const servers = countBy(spans, SERVER, "db.operation.name");
    const known = new Map(
      calls
        .trim()
        .split("\n")
        .map((line) => line.split("=") as [string, string]),
    );
    for (const operation of ["UPDATE", "INSERT"]) {
      assert.equal(servers.get(operation), Number(known.get(operation)), operation);
    }
    // PostgreSQL 15 counts utility statements of a prepared plan once only, so these are held against pgbench.
    assert.deepEqual([servers.get("BEGIN"), servers.get("END")], [300, 300]);
    assert.equal(servers.get("UPDATE"), 900);
    expectAllJoined(spans);
  });

  it("counts Memcached's commands as Memcached does, text and binary", async () => {
    const memcached = await startMemcached(scratch);
    const sockspan = await Sockspan.start(scratch);
    const at = `--servers=127.0.0.1:${memcached.port}`;
    await runClient(scratch, [
      "memcslap",
      at,
      "--concurrency=2",
      "--execute-number=100",
      "--test=get",
      "--initial-load=10",
    ]);
    await runClient(scratch, ["memcslap", at, "--concurrency=2", "--execute-number=50", "--test=set", "--binary"]);
    const stats = await runClient(scratch, ["memcstat", at]);
    const spans = spansOfPort(await sockspan.stopAndRead(), memcached.port);
    const servers = countBy(spans, SERVER, "db.operation.name");
    for (const operation of ["get", "set"]) {
      const calls = Number(new RegExp(`cmd_${operation}: (\\d+)`).exec(stats)?.[1]);
      assert.ok(calls >= 100, `${operation}: ${calls}`);
      assert.equal(servers.get(operation.toUpperCase()), calls, operation);
    }
    expectAllJoined(spans);
  });
});
