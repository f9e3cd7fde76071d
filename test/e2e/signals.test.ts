import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { eventually } from "../support/eventually.ts";
import { pathOf } from "../support/expect-spans.ts";
import { ask } from "../support/http-client.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/scratch.ts";
import { startNode } from "../support/servers.ts";
import { Sockspan } from "../support/sockspan.ts";

/** Takes what is exported, and answers when it is told to: until then the exporter drains. */
class PatientCollector {
  readonly #server = createServer((request, response) => {
    request.resume().on("end", () => {
      this.#waiting.push(() => response.end("{}"));
      this.requests += 1;
      if (this.#isOpen) this.answer();
    });
  });
  #waiting: (() => void)[] = [];
  #isOpen = false;
  requests = 0;

  static async start(scratch: Scratch): Promise<PatientCollector> {
    const collector = new PatientCollector();
    await new Promise<void>((resolve) => collector.#server.listen(0, "127.0.0.1", resolve));
    scratch.defer(async () => {
      collector.#server.closeAllConnections();
      collector.#server.close();
    });
    return collector;
  }

  /** The exporter's settings, flow style. */
  get exporter(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `{ endpoint: "http://127.0.0.1:${port}", timeout: 30s, encoding: json }`;
  }

  answer(): void {
    this.#isOpen = true;
    for (const answer of this.#waiting.splice(0)) answer();
  }
}

describe("signals", function () {
  this.timeout(60_000);
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  const seen = (program: Program, pattern: RegExp) => eventually(() => pattern.test(program.output));

  /** One exchange was captured, and its spans are on their way. */
  async function startExporting(args: readonly string[] = []) {
    const collector = await PatientCollector.start(scratch);
    const sockspan = await Sockspan.start(scratch, {
      exporters: { otlp_http: collector.exporter },
      args: ["--no-self-test", ...args],
    });
    const node = await startNode(scratch);
    await ask(node.port, "/on/its/way");
    await eventually(() => collector.requests > 0);
    return { collector, sockspan, program: sockspan.program };
  }

  async function startReady(words: readonly string[]): Promise<Program> {
    const ready = scratch.path("ready");
    const program = scratch.keep(await Program.start(["bin/sockspan", ...words, "--ready-file", ready]));
    await eventually(() => existsSync(ready) || program.hasEnded);
    assert.ok(!program.hasEnded, program.output);
    return program;
  }

  it("SIGTERM, then SIGHUP: it ends", async () => {
    const { collector, program } = await startExporting();
    program.signal("SIGTERM");
    await seen(program, /ending/);
    program.signal("SIGHUP");
    await seen(program, /it ends already/);
    collector.answer();
    assert.equal(await program.end(), 0, program.output);
    assert.equal(program.output.match(/^ready:/gm)?.length, 1, program.output);
  });

  it("SIGHUP, then SIGTERM: it drains and ends", async () => {
    const { collector, program } = await startExporting();
    program.signal("SIGHUP");
    await seen(program, /reloading/);
    program.signal("SIGTERM");
    await seen(program, /ending/);
    assert.equal(program.hasEnded, false);
    collector.answer();
    assert.equal(await program.end(), 0, program.output);
    assert.equal(program.output.match(/^ready:/gm)?.length, 1, program.output);
  });

  it("two SIGHUP: the drain of the first is not cut short by the second", async () => {
    const { collector, program } = await startExporting();
    program.signal("SIGHUP");
    await seen(program, /reloading/);
    program.signal("SIGHUP");
    await seen(program, /reloading[\s\S]*reloading/);
    collector.answer();
    await seen(program, /ready:[\s\S]*ready:/);
    program.signal("SIGTERM");
    assert.equal(await program.end(), 0, program.output);
    assert.doesNotMatch(program.output, /dropped|lost/);
  });

  it("two SIGTERM: it ends at once, and that is a failure", async () => {
    const { program } = await startExporting();
    program.signal("SIGTERM");
    await seen(program, /ending/);
    program.signal("SIGTERM");
    assert.equal(await program.end(), 1, program.output);
  });

  it("SIGTERM, and the worker is killed while it drains: it says so, and that is a failure", async () => {
    const { program } = await startExporting();
    program.signal("SIGTERM");
    await seen(program, /ending/);
    const children = readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, "utf8").trim().split(" ");
    const isWorker = (pid: string) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("worker");
    const [worker] = children.filter(isWorker);
    process.kill(Number(worker), "SIGKILL");
    assert.equal(await program.end(), 1, program.output);
    assert.match(program.output, /error the worker was ended before it had drained/);
  });

  it("SIGTERM after the end of its duration: the drain goes on", async () => {
    const { collector, program } = await startExporting(["--duration", "1s"]);
    await seen(program, /ending/);
    program.signal("SIGTERM");
    await seen(program, /ending[\s\S]*ends already/);
    collector.answer();
    assert.equal(await program.end(), 0, program.output);
  });

  it("SIGHUP keeps what was written into the files of before", async () => {
    const recording = scratch.path("events.gz");
    writeFileSync(recording, "what an earlier run has left");
    const sockspan = await Sockspan.start(scratch, {
      // Both go on: the recording, and the spans' own file.
      receiver: `{ record_to: ${recording} }`,
      args: ["--no-self-test"],
    });
    const node = await startNode(scratch);
    await ask(node.port, "/before/reload");
    sockspan.program.signal("SIGHUP");
    await seen(sockspan.program, /reloading[\s\S]*ready: /);
    await ask(node.port, "/after/reload");
    const paths = (await sockspan.stopAndRead()).map(pathOf);
    const replayed = scratch.path("replayed.jsonl");
    const replay = scratch.keep(await Program.start(["bin/sockspan", "replay", recording, "-o", replayed]));
    assert.equal(await replay.end(), 0, replay.output);
    for (const text of [paths.join(" "), readFileSync(replayed, "utf8")]) {
      assert.match(text, /before\/reload/);
      assert.match(text, /after\/reload/);
    }
  });

  it("a terminal that hangs up ends record, and the recording is whole", async () => {
    const recording = scratch.path("events.gz");
    const program = await startReady(["record", "-o", recording, "--duration", "10m"]);
    const node = await startNode(scratch);
    await ask(node.port, "/before/hang-up");
    program.signal("SIGHUP");
    assert.equal(await program.end(), 0, program.output);
    const lines = gunzipSync(readFileSync(recording)).toString().trimEnd().split("\n");
    const data = lines.map((line) => JSON.parse(line)).filter(({ data }) => data !== undefined);
    const bytes = data.map(({ bytes }) => Buffer.from(bytes, "base64").toString("latin1"));
    assert.ok(bytes.some((text) => text.includes("/before/hang-up")));
  });

  it("a terminal that hangs up ends profile, and the profile is whole", async () => {
    const output = scratch.path("cpu.pb.gz");
    const words = ["profile", "--pid", `${process.pid}`, "--duration", "10m", "-o", output];
    const program = await startReady(words);
    program.signal("SIGHUP");
    assert.equal(await program.end(), 0, program.output);
    assert.ok(gunzipSync(readFileSync(output)).length > 0);
  });

  it("a recording that can't be written ends record with a failure, and run goes on without it", async () => {
    // Nothing is written before so much is waiting, or it ends.
    const record = scratch.keep(await Program.start(["bin/sockspan", "record", "-o", "/dev/full", "--duration", "1s"]));
    assert.equal(await record.end(), 1, record.output);
    assert.match(
      record.output,
      /^sockspan: the recording \/dev\/full can't be written: ENOSPC.* \[RECORDING_FILE_UNUSABLE\]$/m,
    );
    assert.doesNotMatch(record.output, /Unhandled|the worker ended/);
    const sockspan = await Sockspan.start(scratch, {
      receiver: "{ record_to: /dev/full }",
      args: ["--no-self-test"],
    });
    const node = await startNode(scratch);
    await ask(node.port, "/all/the/same");
    const paths = (await sockspan.stopAndRead()).map(pathOf);
    assert.ok(paths.includes("/all/the/same"));
    assert.match(sockspan.program.output, / error socket_trace: the recording .* code=RECORDING_FILE_UNUSABLE/);
  });

  it("a ready file that can't be made any more ends it, with the reason", async () => {
    const folder = scratch.path("folder");
    const words = ["--ready-file", `${folder}/ready`];
    for (const command of [
      ["record", "-o", scratch.path("recording")],
      ["profile", "-o", scratch.path("p"), "--", "true"],
    ]) {
      mkdirSync(folder);
      const [name, ...rest] = command;
      const program = scratch.keep(await Program.start(["bin/sockspan", name!, ...words, ...rest]));
      // The file is tried, and taken away, before anything is loaded.
      await eventually(() => statSync(folder).mtimeMs > statSync(folder).birthtimeMs || program.hasEnded);
      rmSync(folder, { recursive: true });
      assert.equal(await program.end(), 1, program.output);
      assert.match(program.output, /\[READY_FILE_UNUSABLE\]/);
    }
  });
});
