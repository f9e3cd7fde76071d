import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chownSync,
  copyFileSync,
  linkSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { OpenedFiles } from "../../../src/broker/reader/opened-files.ts";
import { SymbolFiles } from "../../../src/broker/reader/symbol-files.ts";
import { workerRequest } from "../../../src/ipc/messages.ts";
import { Program } from "../../support/program.ts";
import { Scratch } from "../../support/scratch.ts";
import { skip } from "../../support/skip.ts";

describe("SymbolFiles", () => {
  let scratch: Scratch;
  let files: OpenedFiles;
  let symbols: SymbolFiles;
  beforeEach(async () => {
    scratch = await Scratch.create();
    files = new OpenedFiles();
    symbols = new SymbolFiles(files);
  });
  afterEach(() => scratch.cleanUp());

  it("opens what a process executes, also when it is deleted, and keeps it when the process is gone", async () => {
    const path = scratch.path("sleeper");
    copyFileSync("/bin/sleep", path);
    const program = scratch.keep(await Program.start([path, "60"]));
    for (let i = 0; i < 100 && !(symbols.images(program.pid)?.mappings.includes(path) ?? false); i++) await sleep(10);
    rmSync(path);
    copyFileSync("/bin/true", path);
    const found = symbols.images(program.pid)?.images.find((image) => "file" in image && image.sizeBytes > 0);
    assert.ok(found !== undefined && "file" in found);
    await program.stop();
    assert.deepEqual(files.read(found.file, 0, 1 << 20), readFileSync("/bin/sleep"));
    assert.equal(symbols.images(program.pid), null);
  });

  describe("perf maps", () => {
    const path = `/tmp/perf-${process.pid}.map`;
    afterEach(() => rmSync(path, { force: true }));
    const refusal = () => {
      const outcome = symbols.perfMap(process.pid);
      return "refused" in outcome ? outcome.refused : undefined;
    };

    it("are read as far as they have grown", () => {
      assert.equal(refusal(), "none");
      writeFileSync(path, "1000 10 first\n");
      const map = symbols.perfMap(process.pid);
      assert.ok("file" in map);
      writeFileSync(path, "1000 10 first\n2000 10 second\n");
      const grown = symbols.perfMap(process.pid);
      assert.ok("file" in grown && grown.file === map.file && grown.identity !== map.identity);
      assert.equal(files.read(map.file, 14, 100).toString(), "2000 10 second\n");
    });

    it("are refused as links, FIFOs, folders and devices, unopened", function () {
      symlinkSync("/etc/hostname", path);
      assert.equal(refusal(), "symlink");
      rmSync(path);
      execFileSync("mkfifo", [path]);
      assert.equal(refusal(), "not_regular");
      rmSync(path);
      writeFileSync(scratch.path("other"), "");
      linkSync(scratch.path("other"), path);
      assert.equal(refusal(), "too_many_links");
      rmSync(path);
      if (process.getuid?.() !== 0) skip(this, "only root can give a file to somebody else");
      writeFileSync(path, "");
      chownSync(path, 65534, 65534);
      assert.equal(refusal(), "other_owner");
    });

    it("may be of any size: they are read in pieces", () => {
      writeFileSync(path, "");
      truncateSync(path, 100 * 1024 * 1024);
      const map = symbols.perfMap(process.pid);
      assert.ok("file" in map && map.sizeBytes === 100 * 1024 * 1024);
      assert.equal(files.read(map.file, map.sizeBytes - 10, 100).length, 10);
    });
  });

  it("follows no link of a process out of its root", async function () {
    if (process.getuid?.() !== 0) skip(this, "chroot(2) needs root");
    const root = scratch.path("root");
    execFileSync("mkdir", ["-p", `${root}/tmp`, `${root}/usr/lib/debug/.build-id/ab`, `${root}/bin`]);
    execFileSync("sh", ["-c", `cp /bin/busybox ${root}/bin/sh || true`], { stdio: "ignore" });
    if (execFileSync("sh", ["-c", `test -x ${root}/bin/sh && echo yes || true`]).length === 0)
      skip(this, "there is no busybox");
    writeFileSync("/tmp/sockspan-test-secret", "secret");
    scratch.defer(async () => rmSync("/tmp/sockspan-test-secret"));
    symlinkSync("/tmp/sockspan-test-secret", `${root}/usr/lib/debug/.build-id/ab/cdef.debug`);
    const program = scratch.keep(await Program.start(["chroot", root, "/bin/sh", "-c", "while :; do sleep 1; done"]));
    for (let i = 0; i < 100 && !readFileSync(`/proc/${program.pid}/comm`, "utf8").startsWith("sh"); i++)
      await sleep(10);
    const ask = () => symbols.debugFile({ type: "debug_file", tgid: program.pid, image: "", buildId: "abcdef" });
    assert.deepEqual(ask(), { refused: "none" });
    writeFileSync(`${root}/tmp/sockspan-test-secret`, "inside");
    const inside = ask();
    assert.ok("file" in inside);
    assert.equal(files.read(inside.file, 0, 100).toString(), "inside");
  });

  it("takes names of debug files that are names", () => {
    const request = (change: object) =>
      workerRequest.safeParse({ type: "debug_file", tgid: 1, image: "1.1", ...change }).success;
    assert.ok(request({ linkName: "a.debug", buildId: "abcdef" }));
    for (const linkName of ["..", ".", "a/b", "", "a\0b"]) assert.ok(!request({ linkName }), linkName);
    for (const buildId of ["", "ab/c", "../a", "abc"]) assert.ok(!request({ buildId }), buildId);
  });
});
