/** The program as a user starts it: words in, exit code and text out. */
import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { skip } from "../../support/skip.ts";

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function sockspan(words: readonly string[], environment: Record<string, string> = {}, uid?: number): Promise<Result> {
  const PATH = process.env["PATH"] ?? "";
  const options = { env: { PATH, ...environment }, timeout: 30_000, ...(uid === undefined ? {} : { uid, gid: uid }) };
  return new Promise((resolve) => {
    execFile(process.execPath, ["bin/sockspan", ...words], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

describe("command line", function () {
  // Each case starts the program, on a machine that may be busy.
  this.timeout(60_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sockspan-command-line-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function file(text: string): string {
    const path = join(folder, "config.yaml");
    writeFileSync(path, text);
    return path;
  }

  it("finds the default configuration right, with and without an endpoint", async () => {
    assert.deepEqual(await sockspan(["validate"]), { code: 0, stdout: "", stderr: "" });
    const exported = await sockspan(["print-config"], { OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318" });
    assert.deepEqual(parse(exported.stdout).service.pipelines.traces.exporters, ["debug", "otlp_http/environment"]);
    const grpc = await sockspan(["validate"], { OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4317" });
    assert.equal(grpc.code, 0, grpc.stderr);
  });

  it("ends with 2 and all problems for a wrong configuration", async () => {
    const path = file("receivers: {socket_trace: {hook_sets: 1}}\nexporter: {}\nservice: {pipelines: {}}\n");
    const { code, stdout, stderr } = await sockspan(["validate", "--config", path]);
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /\[CONFIG_INVALID\]/);
    assert.match(stderr, /config\.yaml:2:1: exporter: unknown key "exporter", did you mean "exporters"\?/);
    assert.match(stderr, /config\.yaml:1:28: receivers\.socket_trace\.hook_sets: .* did you mean "hook_set"\?/);
  });

  it("shows no secret in print-config", async () => {
    const words = [
      "print-config",
      "--set",
      "exporters.otlp_grpc.headers.api-key=hunter2",
      "--set",
      "exporters.otlp_grpc.endpoint=http://a:1",
    ];
    const { code, stdout } = await sockspan(words);
    assert.equal(code, 0);
    assert.match(stdout, /api-key: "\[REDACTED\]"/);
    assert.doesNotMatch(stdout, /hunter2/);
  });

  it("lists components as YAML", async () => {
    const { stdout } = await sockspan(["components"]);
    const listed = parse(stdout);
    assert.equal(listed.buildinfo.command, "sockspan");
    assert.ok(listed.exporters.some((each: { name: string }) => each.name === "otlp_grpc"));
  });

  it("ends with 2 for what it does not know", async () => {
    for (const words of [["validat"], ["validate", "--confg", "x"], ["run", "--duration", "soon"]]) {
      const { code, stdout } = await sockspan(words);
      assert.deepEqual([code, stdout], [2, ""], words.join(" "));
    }
  });

  it("prints the very command to use without root", async function () {
    const uid = process.getuid?.() === 0 ? 65_534 : undefined;
    const { code, stderr } = await sockspan(["run", "--duration", "5s"], { OTEL_SERVICE_NAME: "a b" }, uid);
    // The folder may be closed to other users.
    if (uid !== undefined && /EACCES|Cannot find module/.test(stderr))
      skip(this, "another user can't read this folder");
    assert.equal(code, 2);
    assert.match(stderr, /sudo env OTEL_SERVICE_NAME='a b' \/\S+ \/\S+bin\/sockspan run --duration 5s/);
  });

  it("lists and dumps the programs without loading them", async () => {
    const list = await sockspan(["bpf", "list"]);
    assert.match(list.stdout, /socket_trace +trace_sock_recv_length +tp_btf\/sock_recv_length +\d+/);
    assert.match((await sockspan(["bpf", "dump", "trace_sock_recv_length"])).stdout, /exit/);
    const wrong = await sockspan(["bpf", "dump", "trace_sock_recv_lenght"]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /did you mean "trace_sock_recv_length"\?/);
  });

  it("helps, in both ways to ask, also for what is below a command", async () => {
    for (const words of [
      ["run", "--help"],
      ["help", "run"],
    ]) {
      const { code, stdout } = await sockspan(words);
      assert.equal(code, 0);
      assert.match(stdout, /--ready-file/, words.join(" "));
    }
    assert.match((await sockspan(["help", "bpf", "dump"])).stdout, /<program>/);
    assert.match((await sockspan(["help", "trident", "keys"])).stdout, /--format/);
    assert.match((await sockspan(["help"])).stdout, /print-config/);
    for (const words of [
      ["help", "rum"],
      ["help", "bpf", "lst"],
    ]) {
      const { code, stderr } = await sockspan(words);
      assert.equal(code, 2, words.join(" "));
      assert.match(stderr, /there is no command "(rum|lst)".*\[USAGE_INVALID\]/);
    }
  });

  it("says that there is no sockspan to ask", async function () {
    // Not as root: one may run here.
    const uid = process.getuid?.() === 0 ? 65_534 : undefined;
    for (const words of [["watch"], ["stat"], ["bpf", "stats"]]) {
      const { code, stdout, stderr } = await sockspan(words, {}, uid);
      // The folder may be closed to other users.
      if (uid !== undefined && /EACCES|Cannot find module/.test(stderr))
        skip(this, "another user can't read this folder");
      assert.deepEqual([code, stdout], [1, ""], stderr);
      assert.match(stderr, /^sockspan: no sockspan runs here.* \[NOT_RUNNING\]/);
    }
    for (const words of [
      ["watch", "--min-duration", "soon"],
      ["watch", "--status", "bad"],
      ["stat", "--interval", "0s"],
      ["stat", "--count", "1.5"],
      ["bpf", "stats", "--duration", "x"],
    ]) {
      assert.equal((await sockspan(words)).code, 2, words.join(" "));
    }
    const maps = await sockspan(["bpf", "maps", "--format", "json"], {}, uid);
    assert.ok(
      maps.stdout.split("\n").some((line) => /"map":"socket_data","type":"ringbuf"/.test(line)),
      maps.stderr,
    );
  });

  it("ends quietly when its reader has had enough, and says when the disk is full", () => {
    const shell = (line: string) =>
      spawnSync("bash", ["-c", `set -o pipefail; "${process.execPath}" bin/sockspan ${line}`], { encoding: "utf8" });
    const full = shell("components > /dev/full");
    assert.equal(full.status, 1);
    assert.match(full.stderr, /^sockspan: stdout can't be written: .*ENOSPC.* \[STDOUT_UNUSABLE\]/);
    const enough = shell("components | true");
    assert.deepEqual([enough.status, enough.stderr], [0, ""]);
  });

  it("takes no ready file that can't be made, before it captures", async function () {
    if (process.getuid?.() !== 0) skip(this, "not root");
    const fifo = join(folder, "fifo");
    execFileSync("mkfifo", [fifo]);
    for (const path of [join(folder, "no/such/folder"), folder, "/dev/null", fifo]) {
      for (const words of [["run"], ["record", "-o", join(folder, "recording")], ["profile"]]) {
        const { code, stdout, stderr } = await sockspan([...words, "--ready-file", path, "--duration", "10m"]);
        assert.deepEqual([code, stdout], [2, ""], `${words} ${path}: ${stderr}`);
        assert.match(stderr, /^sockspan: --ready-file .* \[USAGE_INVALID\]/);
      }
    }
  });
});
