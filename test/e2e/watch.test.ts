import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { eventually } from "../support/eventually.ts";
import { ask } from "../support/http-client.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/scratch.ts";
import { startNode } from "../support/servers.ts";
import { Sockspan } from "../support/sockspan.ts";

/** Unlike that of anything else on this host. */
const SERVICE = `watched-${process.pid}`;

describe("commands that ask a running sockspan", function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let sockspan: Sockspan;
  let get: (path: string) => Promise<unknown>;
  before(async () => {
    scratch = await Scratch.create();
    sockspan = await Sockspan.start(scratch, { args: ["--no-self-test"] });
    const node = await startNode(scratch, { env: { OTEL_SERVICE_NAME: SERVICE } });
    get = (path) => ask(node.port, path);
  });
  after(() => scratch.cleanUp());

  const start = async (...words: string[]) => scratch.keep(await Program.start(["bin/sockspan", ...words]));

  it("watch shows spans as they leave, and ends with 0 when it is interrupted", async () => {
    const watch = await start("watch", "--service", SERVICE);
    const filtered = await start("watch", "--service", SERVICE, "--min-duration", "1h", "--format", "json");
    // It shows what leaves after it has begun to look.
    const load = setInterval(() => void get("/shown"), 200);
    await eventually(() => /\/shown .*\n/.test(watch.output));
    clearInterval(load);
    assert.match(
      watch.output,
      new RegExp(` SERVER {3}${SERVICE} ← 127\\.0\\.0\\.1 {2}GET /shown {2}200 {2}[0-9a-f]{32}$`, "m"),
    );
    for (const each of [watch, filtered]) {
      each.signal("SIGINT");
      assert.equal(await each.end(), 0);
    }
    assert.equal(filtered.output, "");
  });

  it("stat shows what each service does", async () => {
    const stat = await start("stat", "--interval", "500ms", "--format", "json");
    const rows = () =>
      stat.output
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line));
    await eventually(() => rows().length > 0);
    for (let i = 0; i < 10; i++) await get("/counted");
    await eventually(() => rows().some(({ service }) => service === SERVICE));
    const row = rows().find(({ service }) => service === SERVICE);
    assert.equal(row.kind, "SERVER");
    assert.ok(row.spansPerSecond > 0 && row.p50Ms > 0 && row.p99Ms >= row.p50Ms, JSON.stringify(row));
    const own = rows().filter(({ service, pid }) => service === undefined && pid === sockspan.program.pid);
    assert.ok(own.every(({ cpuPercent }) => cpuPercent >= 0) && own.length > 0);
    stat.signal("SIGTERM");
    assert.equal(await stat.end(), 0);
  });

  it("bpf maps and bpf stats show what is in the kernel", async () => {
    const bpf = (...words: string[]) => {
      const { status, stdout, stderr } = spawnSync("bin/sockspan", ["bpf", ...words, "--format", "json"], {
        encoding: "utf8",
      });
      assert.equal(status, 0, stderr);
      const lines = stdout.trimEnd().split("\n");
      return lines.map((line) => JSON.parse(line)).filter(({ pid }) => pid === sockspan.program.pid);
    };
    const processes = bpf("maps").find(({ map }) => map === "processes");
    assert.equal(processes.type, "hash");
    assert.ok(processes.entries > 0 && processes.memoryBytes > 0, JSON.stringify(processes));
    const load = setInterval(() => void get("/run"), 20);
    const stats = await start("bpf", "stats", "--duration", "1s", "--format", "json");
    assert.equal(await stats.end(), 0, stats.output);
    clearInterval(load);
    const program = stats.output
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line))
      .find(({ pid, program }) => pid === sockspan.program.pid && program === "trace_sock_recv_length");
    assert.ok(program.runs > 0 && program.runTimeNs > 0, JSON.stringify(program));
  });
});
