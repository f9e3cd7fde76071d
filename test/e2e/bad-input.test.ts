import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/scratch.ts";
import { skip } from "../support/skip.ts";
import { writeConfig } from "../support/sockspan.ts";

interface Ended {
  readonly code: number | string;
  readonly output: string;
}

async function run(scratch: Scratch, args: readonly string[], within: readonly string[] = []): Promise<Ended> {
  const program = scratch.keep(await Program.start(["bin/sockspan", ...args], { within }));
  return { code: await program.end(), output: program.output };
}

/** Runs the command in a mount namespace of its own, prepared by the line. */
const inMountNamespace = (line: string) => ["unshare", "--mount", "sh", "-c", `${line} && exec "$@"`, "sh"];

/** A message is for people: no stack trace, no internals. */
function assertClear({ output }: Ended): void {
  assert.doesNotMatch(output, /^\s+at .*:\d+:\d+\)?$/m);
  assert.doesNotMatch(output, /unhandled|undefined is not/i);
}

describe("what sockspan says when it can not run", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("without root: the very command to use", async function () {
    const nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];
    if (spawnSync(nobody[0] ?? "", [...nobody.slice(1), "test", "-r", "build/src/main.js"]).status !== 0) {
      skip(this, "the user nobody can not read this folder");
    }
    const ended = await run(scratch, ["run", "--duration", "2s"], nobody);
    assert.equal(ended.code, 2, ended.output);
    assert.match(ended.output, /sudo .*sockspan run --duration 2s/);
    assertClear(ended);
  });

  it("without BTF: which file is missing, and fails", async () => {
    const within = inMountNamespace("mount -t tmpfs none /sys/kernel/btf");
    const ended = await run(scratch, ["run", "--duration", "2s"], within);
    assert.equal(ended.code, 1, ended.output);
    assert.match(ended.output, /KERNEL_WITHOUT_BTF/);
    assert.match(ended.output, /\/sys\/kernel\/btf\/vmlinux/);
    assertClear(ended);
  });

  it("without libbpf: the package to install", async () => {
    const library = spawnSync("sh", ["-c", "ldconfig -p | sed -n 's/.*libbpf.so.1 .*=> //p' | head -n 1"], {
      encoding: "utf8",
    }).stdout.trim();
    const within = inMountNamespace(`mount --bind /dev/null "$(readlink -f ${library})"`);
    const ended = await run(scratch, ["run", "--duration", "2s"], within);
    assert.equal(ended.code, 1, ended.output);
    assert.match(ended.output, /LIBBPF_MISSING/);
    assert.match(ended.output, /apt-get install libbpf1/);
    assertClear(ended);
  });

  it("without the capabilities: those that it needs, and not a limit that has nothing to do with it", async () => {
    const within = ["setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--"];
    const ended = await run(scratch, ["run", "--duration", "2s"], within);
    assert.equal(ended.code, 1, ended.output);
    assert.match(ended.output, /^sockspan: load \w+: not permitted \[BPF_NOT_PERMITTED\]$/m);
    assert.match(ended.output, /CAP_BPF/);
    assert.doesNotMatch(ended.output, /bump RLIMIT_MEMLOCK/);
    assertClear(ended);
  });

  it("without the right to change its user: the capabilities that this takes", async () => {
    const ended = await run(scratch, ["run", "--duration", "2s"], ["setpriv", "--bounding-set=-setuid,-setgid", "--"]);
    assert.equal(ended.code, 1, ended.output);
    assert.match(ended.output, /PRIVILEGE_DROP_FAILED/);
    assert.match(ended.output, /CAP_SETUID/);
    assertClear(ended);
  });

  it("nothing where it may not kill its own processes: they end by themselves", async () => {
    const ended = await run(scratch, ["run", "--duration", "100ms"], ["setpriv", "--bounding-set=-kill", "--"]);
    assert.equal(ended.code, 0, ended.output);
    assertClear(ended);
  });

  it("with a key that does not exist: its path and the word that was meant", async () => {
    const { config } = await writeConfig(scratch, { receiver: "{ scpe: host }" });
    const ended = await run(scratch, ["run", "--config", config]);
    assert.equal(ended.code, 2, ended.output);
    assert.match(ended.output, /CONFIG_UNKNOWN_KEY/);
    assert.match(ended.output, /scpe/);
    assert.match(ended.output, /scope/);
    assertClear(ended);
  });

  it("with a configured port in use: the address, as a configuration that can't be used", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    scratch.defer(async () => void server.close());
    const { port } = server.address() as AddressInfo;
    const { config } = await writeConfig(scratch);
    const args = ["run", "--config", config, "--duration", "2s"];
    const ended = await run(scratch, [
      ...args,
      "--set",
      `extensions.health_check.endpoint=127.0.0.1:${port}`,
      "--set",
      "service.extensions=[health_check]",
    ]);
    assert.equal(ended.code, 2, ended.output);
    assert.match(ended.output, new RegExp(`127\\.0\\.0\\.1:${port}`));
    assertClear(ended);
  });

  it("with a certificate that does not exist: setting and path, as a configuration that can't be used", async () => {
    const { config } = await writeConfig(scratch);
    const exporter = 'exporters={otlp_grpc: {endpoint: "https://localhost:4317", tls: {ca_file: /no/such/ca.pem}}}';
    const args = ["run", "--config", config, "--duration", "2s", "--set", exporter];
    const ended = await run(scratch, [...args, "--set", "service.pipelines.traces.exporters=[otlp_grpc]"]);
    assert.equal(ended.code, 2, ended.output);
    assert.match(ended.output, /exporters\.otlp_grpc\.tls\.ca_file: \/no\/such\/ca\.pem/);
    assertClear(ended);
  });

  it("with a user that does not exist: the user, as wrong use", async () => {
    const ended = await run(scratch, ["run", "--user", "nobody-of-this-name", "--duration", "2s"]);
    assert.equal(ended.code, 2, ended.output);
    assert.match(ended.output, /nobody-of-this-name/);
    assertClear(ended);
  });
});
