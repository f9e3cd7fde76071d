import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.ts";
import { pathOf, spansOfPort } from "../support/expect-spans.ts";
import { ask } from "../support/http-client.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/scratch.ts";
import { startNode } from "../support/servers.ts";
import { Sockspan, writeConfig } from "../support/sockspan.ts";

describe("the life of sockspan run", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  const seen = (program: Program, pattern: RegExp) => eventually(() => pattern.test(program.output));

  it("shows its self-test, never exports it, and ends by itself", async () => {
    const sockspan = await Sockspan.start(scratch, { args: ["--duration", "3s"] });
    const spans = await sockspan.endAndRead();
    const { output } = sockspan.program;
    assert.match(output, /ready: \d+ probes attached/);
    assert.match(
      output,
      /self-test: .*\n.*CLIENT exchange-client → exchange-server {2}GET \/self-test {2}200.*\n.*└ SERVER/,
    );
    assert.deepEqual(
      spans.filter((span) => pathOf(span) === "/self-test"),
      [],
    );
  });

  it("serves health, pages and metrics, moving away from default ports that are taken", async () => {
    const holders: Server[] = [];
    for (const port of [13_133, 55_679]) {
      const holder = createServer();
      await new Promise<void>((resolve) => holder.once("error", () => resolve()).listen(port, "127.0.0.1", resolve));
      holders.push(holder);
    }
    scratch.defer(async () => {
      for (const holder of holders) holder.close();
    });
    const set = (value: string) => ["--set", value];
    const sockspan = await Sockspan.start(scratch, {
      args: [
        ...set("extensions={health_check: , zpages: }"),
        ...set("service.extensions=[health_check, zpages]"),
        "--no-self-test",
      ],
    });
    const address = (label: string) =>
      new RegExp(`${label}: (http://\\S+) \\(its default port was taken\\)`).exec(sockspan.program.output)?.[1];
    const health = address("health");
    const pages = address("traces");
    assert.ok(health !== undefined && pages !== undefined, sockspan.program.output);
    assert.equal((await fetch(health)).status, 200);
    assert.equal((await fetch(new URL("/", pages))).status, 401);
    const token = new URL(pages).searchParams.get("token");
    const headers = { authorization: `Bearer ${token}` };
    const node = await startNode(scratch);
    await ask(node.port, "/shown/here");
    // A span waits for its trace to settle.
    const shown = async () => (await fetch(new URL("/debug/traces.json", pages), { headers })).text();
    for (let text = ""; !text.includes("/shown/here"); text = await shown()) await sleep(50);
    assert.match(await (await fetch(new URL("/stages", pages), { headers })).text(), /<td>ring<\/td>/);
    for (const metric of await sockspan.metrics()) {
      if (metric.name === "sockspan_stage_held") assert.ok(metric.value >= 0, JSON.stringify(metric));
    }
  });

  it("keeps the running configuration when a new one is wrong, and takes a good one", async () => {
    const { config, traceFile } = await writeConfig(scratch);
    const readyFile = scratch.path("ready");
    const command = ["bin/sockspan", "run", "--config", config, "--ready-file", readyFile, "--no-self-test"];
    const program = scratch.keep(await Program.start(command));
    await eventually(() => existsSync(readyFile));
    const good = await readFile(config, "utf8");

    await writeFile(config, good.replace("receivers:", "receiver:"));
    program.signal("SIGHUP");
    await seen(program, /the old one stays[\s\S]*CONFIG_UNKNOWN_KEY/);
    const node = await startNode(scratch);
    await ask(node.port, "/still/there");

    await writeFile(config, good.replace(traceFile, `${traceFile}.new`));
    program.signal("SIGHUP");
    await seen(program, /reloading[\s\S]*ready: /);
    await ask(node.port, "/after/reload");
    program.signal("SIGTERM");
    assert.equal(await program.end(), 0, program.output);
    assert.match(await readFile(traceFile, "utf8"), /\/still\/there/);
    assert.match(await readFile(`${traceFile}.new`, "utf8"), /\/after\/reload/);
  });

  it("keeps the running configuration when what a new one names can't be had", async () => {
    const { config, traceFile } = await writeConfig(scratch);
    const readyFile = scratch.path("ready");
    const command = ["bin/sockspan", "run", "--config", config, "--ready-file", readyFile, "--no-self-test"];
    const program = scratch.keep(await Program.start(command));
    await eventually(() => existsSync(readyFile));
    const good = await readFile(config, "utf8");
    const withExporter = (yaml: string) =>
      good.replace("exporters:\n", `exporters:\n  otlp_grpc: ${yaml}\n`).replace("[file]", "[file, otlp_grpc]");

    // A certificate is looked at before anything ends.
    await writeFile(config, withExporter("{ endpoint: https://localhost:4317, tls: { ca_file: /no/such.pem } }"));
    program.signal("SIGHUP");
    await seen(program, /the old one stays[\s\S]*EXPORTER_FILE_UNUSABLE/);
    assert.doesNotMatch(program.output, /reloading/);

    // A port is known to be taken when it is listened on: by then the old one has ended, and begins again.
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    scratch.defer(async () => {
      holder.close();
    });
    const { port } = holder.address() as AddressInfo;
    const listening = `extensions:\n  health_check: { endpoint: "127.0.0.1:${port}" }`;
    await writeFile(
      config,
      good.replace("extensions:", listening).replace("extensions: []", "extensions: [health_check]"),
    );
    program.signal("SIGHUP");
    await seen(program, /reloading[\s\S]*LISTEN_FAILED[\s\S]*the old one goes on[\s\S]*ready: /);
    const node = await startNode(scratch);
    await ask(node.port, "/still/there");
    program.signal("SIGTERM");
    assert.equal(await program.end(), 0, program.output);
    assert.match(await readFile(traceFile, "utf8"), /\/still\/there/);
  });

  it("works as nobody, and gives what it captured before SIGTERM", async () => {
    const sockspan = await Sockspan.start(scratch, { args: ["--no-self-test"] });
    const node = await startNode(scratch);
    await ask(node.port, "/just/before");
    const spans = await sockspan.stopAndRead();
    assert.equal(spansOfPort(spans, node.port).length, 2);
  });
});
