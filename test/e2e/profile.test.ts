import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { Profile } from "pprof-format";
import { burst } from "../profile-truth/burst.ts";
import { PROGRAMS, which } from "../profile-truth/programs.ts";
import { readLines, requestIds, samplesOf } from "../profile-truth/read-samples.ts";
import { linksOf, parseBurnings, sharesOf } from "../profile-truth/score.ts";
import { freePort } from "../support/free-port.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/scratch.ts";
import { skip } from "../support/skip.ts";

const SAMPLED = /(\d+) samples, ([\d.]+) % of user stacks complete/;

/** The leaf first. */
function readPprof(path: string) {
  const profile = Profile.decode(gunzipSync(readFileSync(path)));
  const textAt = (index: number | bigint) => profile.stringTable.strings[Number(index)] ?? "";
  const nameOf = new Map(profile.function.map(({ id, name }) => [id, textAt(name)]));
  const names = new Map(
    profile.location.map(({ id, line }) => [id, line.map(({ functionId }) => nameOf.get(functionId) ?? "")]),
  );
  return profile.sample.map(({ locationId, value, label }) => ({
    names: locationId.flatMap((id) => names.get(id) ?? []),
    count: Number(value[0]),
    pid: Number(label.find(({ key }) => textAt(key) === "process.pid")?.num),
  }));
}

async function ended(command: string, ...args: readonly string[]) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], timeout: 60_000 });
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { stdout, stderr, status: status as number };
}

describe("profiles", function () {
  this.timeout(120_000);
  let scratch: Scratch;
  before(async () => {
    scratch = await Scratch.create();
  });
  after(() => scratch.cleanUp());

  const commandOf = (name: string) => PROGRAMS.find((program) => program.name === name)!.command(scratch.path("bin"));

  it("profile: a C program without frame pointers, as pprof, in known shares", async function () {
    const command = commandOf("c");
    if (command === undefined) skip(this, "gcc is missing: scripts/setup --tests as root installs it");
    const program = scratch.keep(await Program.start(command));
    const output = scratch.path("cpu.pb.gz");
    const said = execFileSync(
      "bin/sockspan",
      ["profile", "--pid", `${program.pid}`, "--duration", "5s", "-o", output],
      {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    assert.equal(said, "", "stdout is for data");
    const stacks = readPprof(output);
    const count = (isWanted: (names: readonly string[]) => boolean) =>
      stacks.filter((stack) => isWanted(stack.names)).reduce((sum, stack) => sum + stack.count, 0);
    const all = count(() => true);
    assert.ok(all > 10, `${all} samples`);
    const [heavy, light] = [count((n) => n.includes("heavy")), count((n) => n.includes("light"))];
    assert.ok(heavy / (heavy + light) > 0.55 && heavy / (heavy + light) < 0.92, `${heavy} heavy, ${light} light`);
    const whole = count((stack) => stack.includes("main") && stack.at(-1) === "_start");
    assert.ok(whole / all > 0.9, `${whole} of ${all} stacks reach _start`);
    if (which("go") === undefined) return;
    const top = execFileSync(which("go")!, ["tool", "pprof", "-top", output], { encoding: "utf8", stdio: "pipe" });
    assert.match(top, /turn/);
  });

  it("profile: Java, without frame pointers, methods by their names, in known shares", async function () {
    const command = commandOf("java");
    if (command === undefined) skip(this, "java is missing: scripts/setup --tests as root installs it");
    const program = scratch.keep(await Program.start(command));
    const output = scratch.path("java.pb.gz");
    // Its compiler has to be done with it.
    await setTimeout(6_000);
    execFileSync("bin/sockspan", ["profile", "--pid", `${program.pid}`, "--duration", "5s", "-o", output], {
      stdio: "pipe",
    });
    const stacks = readPprof(output);
    const count = (isWanted: (names: readonly string[]) => boolean) =>
      stacks.filter((stack) => isWanted(stack.names)).reduce((sum, stack) => sum + stack.count, 0);
    const [heavy, light] = ["Shares.heavy", "Shares.light"].map((method) => count((names) => names.includes(method)));
    assert.ok(heavy! + light! > 10, `${heavy} heavy, ${light} light`);
    const share = heavy! / (heavy! + light!);
    assert.ok(share > 0.55 && share < 0.92, `${heavy} heavy, ${light} light`);
    const whole = count((names) => names.includes("Shares.heavy") && names.includes("Shares.main"));
    assert.ok(whole / heavy! > 0.9, `${whole} of ${heavy} stacks reach Shares.main`);
    const native = count((names) => names.includes("Shares.main") && names.includes("JavaMain"));
    assert.ok(
      native / (heavy! + light!) > 0.9,
      `${native} of ${heavy! + light!} stacks reach the thread's native begin`,
    );
  });

  it("profile: a command from its start, and only what there is to say on stderr", async () => {
    const output = scratch.path("command.pb.gz");
    const program = await Program.start([
      ...["bin/sockspan", "profile", "-o", output, "--"],
      ...[process.execPath, "-e", "const end = Date.now() + 2500; let x = 1; while (Date.now() < end) x *= 1.1"],
    ]);
    await program.end();
    assert.match(program.output, /^sampling process \d+ at 97 Hz until the command ends$/m);
    assert.match(program.output, SAMPLED);
    assert.ok(Profile.decode(gunzipSync(readFileSync(output))).sample.length > 0);
  });

  it("profile: ends with the command's exit code, and with the process that it was told to sample", () => {
    const profile = (...args: string[]) =>
      spawnSync("bin/sockspan", ["profile", "-o", scratch.path("ends.pb.gz"), ...args], { encoding: "utf8" });
    assert.equal(profile("--", "sh", "-c", "exit 3").status, 3);
    const sleeper = spawn("sleep", ["5"], { stdio: "ignore" });
    const startMs = performance.now();
    assert.equal(profile("--pid", `${sleeper.pid}`, "--duration", "10m").status, 0);
    assert.ok(performance.now() - startMs < 60_000);
    // A sleeper that ends may be sampled in its exit.
    const others = readPprof(scratch.path("ends.pb.gz")).filter(({ pid }) => pid !== sleeper.pid);
    assert.deepEqual(others, [], "nothing that an earlier run has left");
  });

  it("profile: interrupted, it writes what it has, of all processes, to stdout too", async function () {
    const command = commandOf("c");
    if (command === undefined) skip(this, "gcc is missing: scripts/setup --tests as root installs it");
    const programs = [await Program.start(command), await Program.start(command)].map((each) => scratch.keep(each));
    const [output, ready] = [scratch.path("stdout.pb.gz"), scratch.path("ready")];
    const stdout = openSync(output, "w");
    const pids = programs.map(({ pid }) => `${pid}`).join();
    const args = ["profile", "--pid", pids, "--duration", "10m", "--ready-file", ready, "-o", "-"];
    const child = spawn("bin/sockspan", args, { stdio: ["ignore", stdout, "ignore"] });
    const end = once(child, "exit");
    while (!existsSync(ready) && child.exitCode === null) await setTimeout(50);
    await setTimeout(2000);
    child.kill("SIGINT");
    assert.deepEqual(await end, [0, null]);
    closeSync(stdout);
    assert.deepEqual(
      [...new Set(readPprof(output).map(({ pid }) => pid))].sort(),
      programs.map(({ pid }) => pid).sort(),
    );
  });

  it("profile: says what is wrong before it samples", async () => {
    const profile = (...args: string[]) => ended("bin/sockspan", "profile", "--duration", "10m", ...args);
    const gone = spawnSync("true").pid;
    const wrong = [
      [2, /there is no process/, "--pid", `${gone}`],
      [2, /no process id/, "--pid", "1,x"],
      [2, /no number of samples/, "--frequency", "10001"],
      [2, /no duration/, "--duration", "soon"],
      [2, /Give --off-cpu too/, "--waker-stacks"],
      [2, /stdout takes one/, "--off-cpu", "-o", "-"],
      [2, /writes to stdout/, "-o", "-", "--", "true"],
      [1, /can't be written: .*ENOENT/, "-o", scratch.path("no/such/folder.pb.gz")],
      [1, /can't be written: .*EISDIR/, "-o", scratch.folder],
    ] as const;
    const check = async ([status, said, ...args]: (typeof wrong)[number]) => {
      const found = await profile(...args);
      assert.match(found.stderr, said);
      assert.deepEqual([found.status, found.stdout], [status, ""]);
    };
    await Promise.all(wrong.map(check));
    const left = ["--pid", `${process.pid}`, "--user", "nobody-of-this-name", "-o", scratch.path("left.pb.gz")];
    assert.equal((await profile(...left)).status, 2);
    assert.equal(existsSync(scratch.path("left.pb.gz")), false, "a file that was made for nothing is gone");
    const { status, stderr } = await ended("setpriv", "--reuid", "65534", "--clear-groups", "bin/sockspan", "profile");
    assert.match(stderr, /needs root/);
    assert.equal(status, 2);
  });

  it("profile: what threads wait for, and who ended it", function () {
    const compiler = which("gcc");
    if (compiler === undefined) skip(this, "gcc is missing: scripts/setup --tests as root installs it");
    const program = scratch.path("waits");
    execFileSync(compiler, [
      "-O2",
      "-fomit-frame-pointer",
      "-o",
      program,
      "test/e2e/programs/waits/waits.c",
      "-lpthread",
    ]);
    const output = scratch.path("waits.pb.gz");
    const args = ["profile", "--off-cpu", "5ms", "--waker-stacks", "--duration", "3s", "-o", output, "--", program];
    const { stderr } = spawnSync("bin/sockspan", args, { encoding: "utf8" });
    assert.doesNotMatch(stderr, / warn | error /);
    const stacks = readPprof(scratch.path("waits.off_cpu.pb.gz"));
    /** Of the waits in this function, who ended them how, by number. */
    const endedBy = (waiting: string) => {
      const ended = new Map<string, number>();
      for (const { names, count } of stacks.filter(({ names }) => names.includes(waiting))) {
        const mark = names.indexOf("--waker--");
        assert.ok(mark < names.indexOf(waiting));
        const by =
          mark < 0 ? "nobody" : `${names[0]} ${names.slice(0, mark).find((name) => /release|fill/.test(name))}`;
        ended.set(by, (ended.get(by) ?? 0) + count);
      }
      return [...ended].sort(([, a], [, b]) => b - a)[0]?.[0];
    };
    assert.equal(endedBy("wait_semaphore"), "waker:boss release_semaphore");
    assert.equal(endedBy("wait_pipe"), "waker:boss fill_pipe");
    assert.equal(endedBy("wait_timer"), "waker:[interrupt] undefined");
    assert.deepEqual(
      stacks.flatMap(({ names }) => names.filter((name) => name.startsWith("bpf_"))),
      [],
    );
  });

  it("links the samples of a server to the requests that they were taken for", async () => {
    const command = commandOf("serve-node")!;
    const port = await freePort();
    const [truth, output, config] = [scratch.path("truth"), scratch.path("out.jsonl"), scratch.path("config.yaml")];
    const server = scratch.keep(await Program.start([...command, `${port}`, truth], { readyPort: port }));
    await writeFile(
      config,
      `receivers: {profile: {include: {pids: [${server.pid}]}}, socket_trace: {url_query_parameters: [id]}}
exporters: {file: {path: ${output}}}
service:
  pipelines:
    profiles: {receivers: [profile], exporters: [file]}
    traces: {receivers: [socket_trace], exporters: [file]}
`,
    );
    const sockspan = scratch.keep(
      await Program.start(["bin/sockspan", "run", "--no-self-test", "--config", config], { readyOutput: /^ready:/m }),
    );
    const clockOffsetNs = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
    await burst(port, 6000, 8);
    sockspan.signal("SIGTERM");
    await sockspan.end();
    const lines = readLines(output);
    const samples = samplesOf(lines);
    const { heavy, light } = sharesOf(samples);
    assert.ok(heavy > light, `${heavy} heavy, ${light} light`);
    const burnings = parseBurnings(readFileSync(truth, "utf8"));
    const { right, wrong, missing } = linksOf(samples, burnings, requestIds(lines), clockOffsetNs);
    assert.equal(wrong, 0, `${right} right, ${missing} missing`);
    assert.ok(right > 5 && right > missing, `${right} right, ${missing} missing`);
  });

  it("believes what an SDK publishes of its threads and its process, however the library was linked", async function () {
    const compiler = which("gcc");
    if (compiler === undefined) skip(this, "gcc is missing: scripts/setup --tests as root installs it");
    const gcc = (...args: string[]) => execFileSync(compiler, ["-O1", ...args], { stdio: "pipe" });
    const [main, variable] = ["main.c", "variable.c"].map((name) => `test/e2e/programs/otel-context/${name}`);
    const folder = scratch.path("otel");
    mkdirSync(folder);
    const library = (name: string, flag: string) => {
      gcc("-shared", "-fPIC", flag, "-o", `${folder}/lib${name}.so`, variable!);
      gcc("-o", `${folder}/${name}`, main!, `-L${folder}`, `-l${name}`, `-Wl,-rpath,${folder}`, "-lpthread");
      return [`${folder}/${name}`];
    };
    gcc("-rdynamic", "-o", `${folder}/executable`, main!, variable!, "-lpthread");
    gcc("-DDLOPEN", "-o", `${folder}/late`, main!, "-lpthread", "-ldl");
    const commands = [
      [`${folder}/executable`],
      library("descriptor", "-mtls-dialect=gnu2"),
      library("dynamic", "-mtls-dialect=gnu"),
      library("initial", "-ftls-model=initial-exec"),
      [`${folder}/late`, `${folder}/libdescriptor.so`],
      [`${folder}/late`, `${folder}/libdynamic.so`],
    ];
    const programs: Program[] = [];
    for (const command of commands) programs.push(scratch.keep(await Program.start(command)));
    const [output, config] = [scratch.path("contexts.jsonl"), scratch.path("contexts.yaml")];
    await writeFile(
      config,
      `receivers: {profile: {period: 1s, include: {pids: [${programs.map(({ pid }) => pid)}]}}}
exporters: {file: {path: ${output}}}
service: {pipelines: {profiles: {receivers: [profile], exporters: [file]}}}
`,
    );
    const sockspan = scratch.keep(
      await Program.start(["bin/sockspan", "run", "--no-self-test", "--config", config], { readyOutput: /^ready:/m }),
    );
    await setTimeout(6000);
    sockspan.signal("SIGTERM");
    await sockspan.end();
    const samples = samplesOf(readLines(output));
    for (const { pid } of programs) {
      const ofProcess = samples.filter(({ processId }) => processId === pid);
      const services = ofProcess.map(({ resource }) => `${resource.get("service.name")} ${resource.get("shard")}`);
      assert.deepEqual([...new Set(services)], ["checkout seven"]);
      const contexts = ofProcess.map(
        ({ traceId = "", spanId = "", attributes }) => `${traceId} ${spanId} ${attributes.get("http.route")}`,
      );
      assert.deepEqual([...new Set(contexts)].sort(), [
        "  /0",
        `${"11".repeat(16)} ${"22".repeat(8)} /1`,
        `${"22".repeat(16)} ${"44".repeat(8)} /2`,
      ]);
    }
  });
});
