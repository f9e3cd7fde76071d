/** Two sockspan in two network namespaces: one stands where an agent stands, the other where controller and ingester do. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "../support/http-client.ts";
import { createNatNetwork } from "../support/network.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/scratch.ts";
import { startNode } from "../support/servers.ts";

const PROGRAM = resolve("bin/sockspan");

describe("the trident bridge", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  async function start(name: string, config: string, within: readonly string[]): Promise<Program> {
    const file = scratch.path(`${name}.yaml`);
    const ready = scratch.path(`${name}.ready`);
    await writeFile(file, config);
    const program = scratch.keep(
      await Program.start([PROGRAM, "run", "--config", file, "--ready-file", ready], { within }),
    );
    while (!existsSync(ready)) {
      if (program.hasEnded) throw new Error(`${name} is not ready:\n${program.output}`);
      await sleep(20);
    }
    return program;
  }

  async function stop(program: Program): Promise<void> {
    program.signal("SIGTERM");
    assert.equal(await program.end(), 0, program.output);
  }

  for (const generation of ["agent", "trident"]) {
    it(`carries traces as they are, generation ${generation}`, async () => {
      const network = createNatNetwork(scratch);
      const address = network.serverAddress;
      await mkdir(scratch.path("groups"));
      await writeFile(
        scratch.path("groups/default.yaml"),
        "outputs: { flow_log: { throttles: { l7_throttle: 5000 } } }\n",
      );
      const controller = await start(
        "b",
        `receivers:
  trident:
    controller: { endpoint: "${address}:20035", storage_directory: ${scratch.path("ids")} }
    ingester: { endpoint: "${address}:20033", settle: 500ms }
exporters: { file: { path: ${scratch.path("b.jsonl")} } }
service: { pipelines: { traces: { receivers: [trident], exporters: [file] } } }
`,
        network.server,
      );
      const agent = await start(
        "a",
        `receivers: { socket_trace: {} }
exporters:
  deepflow: { agent: trident }
  file: { path: ${scratch.path("a.jsonl")} }
extensions: { trident: { controllers: ["${address}:20035"], generation: ${generation} } }
service:
  extensions: [trident]
  pipelines: { traces: { receivers: [socket_trace], exporters: [deepflow, file] } }
`,
        network.client,
      );
      const back = await startNode(scratch);
      const front = await startNode(scratch);
      for (let number = 0; number < 5; number += 1) await ask(front.port, `/call/${back.port}/a/${number}`);
      await sleep(1500);
      await stop(agent);
      await sleep(500);
      await stop(controller);
      const sent = await spansById(scratch.path("a.jsonl"));
      const received = await spansById(scratch.path("b.jsonl"));
      assert.ok(sent.size >= 10);
      assert.deepEqual(received, sent);
    });
  }
});

/** Whole spans with their resource, by span id. */
async function spansById(path: string): Promise<Map<string, unknown>> {
  const spans = new Map<string, unknown>();
  for (const line of (await readFile(path, "utf8")).trim().split("\n")) {
    const request: {
      resourceSpans: { resource: unknown; scopeSpans: { spans: { spanId: string }[] }[] }[];
    } = JSON.parse(line);
    for (const { resource, scopeSpans } of request.resourceSpans) {
      for (const span of scopeSpans.flatMap((scope) => scope.spans)) spans.set(span.spanId, { ...span, resource });
    }
  }
  return new Map([...spans].sort(([a], [b]) => (a < b ? -1 : 1)));
}
