/** What a user of the npm package gets: it runs from an empty folder, without a compiler. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Scratch } from "../support/scratch.ts";
import { skip } from "../support/skip.ts";

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: readonly string[], cwd: string, env: NodeJS.ProcessEnv = process.env): Ended {
  const [program = "", ...args] = command;
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: "utf8", timeout: 100_000 });
  return { status, stdout, stderr };
}

describe("the npm package", () => {
  let scratch: Scratch;
  let env: NodeJS.ProcessEnv;

  before(async function () {
    scratch = await Scratch.create();
    const packed = run(["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", scratch.folder], ".");
    assert.equal(packed.status, 0, packed.stderr);
    const [tarball = ""] = (await readdir(scratch.folder)).filter((name) => name.endsWith(".tgz"));
    await mkdir(scratch.path("app"));
    await writeFile(scratch.path("app/package.json"), '{ "name": "app", "private": true }\n');
    // The cache is full after the set-up, but for what only a first install without a lock asks for.
    const install = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", `../${tarball}`];
    let installed = run([...install, "--offline"], scratch.path("app"));
    if (installed.status !== 0) installed = run([...install, "--prefer-offline"], scratch.path("app"));
    if (installed.status !== 0 && /E(NOTFOUND|AI_AGAIN|CONNREFUSED|TIMEDOUT)|network/.test(installed.stderr)) {
      skip(this, "the npm registry can not be reached, and the npm cache does not hold all packages");
    }
    assert.equal(installed.status, 0, installed.stderr);
    env = await withoutCompilers(scratch);
  });
  after(() => scratch.cleanUp());

  it("lists its components", () => {
    const ended = run(["npx", "--no-install", "sockspan", "components"], scratch.path("app"), env);
    assert.equal(ended.status, 0, ended.stderr);
    assert.match(ended.stdout, /socket_trace/);
    assert.match(ended.stdout, /otlp_grpc/);
  });

  it("captures for three seconds and ends with 0", () => {
    const ended = run(["npx", "--no-install", "sockspan", "run", "--duration", "3s"], scratch.path("app"), env);
    assert.equal(ended.status, 0, ended.stderr);
    assert.match(ended.stderr, /ready/);
  });

  it("holds what it needs and nothing else", () => {
    const listed = run(["npm", "pack", "--dry-run", "--json", "--ignore-scripts"], ".");
    const [packed]: { files: { path: string }[] }[] = JSON.parse(listed.stdout);
    const paths = (packed?.files ?? []).map(({ path }) => path);
    for (const needed of [
      "bin/sockspan",
      "build/src/main.js",
      "build/bpf/socket_trace.bpf.o",
      "otel-config.yaml",
      "LICENSES/BSD-2-Clause.txt",
    ]) {
      assert.ok(paths.includes(needed), needed);
    }
    assert.deepEqual(
      paths.filter((path) => /^(src|test|scripts|bench|build\/(test|scripts|bench))\//.test(path)),
      [],
    );
  });
});

/** A PATH of a few tools only. */
async function withoutCompilers(scratch: Scratch): Promise<NodeJS.ProcessEnv> {
  const bin = scratch.path("bin");
  await mkdir(bin);
  for (const tool of ["bash", "sh", "env", "dirname", "readlink", "uname"]) {
    const found = run(["sh", "-c", `command -v ${tool}`], ".").stdout.trim();
    await symlink(resolve(found), `${bin}/${tool}`);
  }
  for (const tool of ["node", "npm", "npx"]) await symlink(`${dirname(process.execPath)}/${tool}`, `${bin}/${tool}`);
  return { ...process.env, PATH: bin };
}
