import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { SymbolStore } from "../../../src/receiver/symbols/symbol-store.ts";
import { FrameLife, type ResolvedFrame } from "../../../src/receiver/symbols/thread-message.ts";
import { LocalBroker } from "../../support/local-broker.ts";
import { Program } from "../../support/program.ts";
import { Scratch } from "../../support/scratch.ts";
import { skip } from "../../support/skip.ts";
import { build, has, loadBias, namesOf } from "./programs.ts";

const nameOf = (frame: ResolvedFrame | undefined) => frame?.lines.map(({ functionName }) => functionName).join(" < ");

const INLINED = `#include <unistd.h>
static inline int square(volatile int *x) { return *x * *x; }
static inline int twice(volatile int *x) { return square(x) + 1; }
__attribute__((noinline)) int burn(volatile int *x) { return twice(x) + 5; }
int main(void) { volatile int x = 3; write(1, "ready\\n", 6); for (;;) { x = burn(&x) & 255; usleep(1000); } }
`;

describe("SymbolStore", function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let store: SymbolStore;
  let broker: LocalBroker;
  beforeEach(async () => {
    scratch = await Scratch.create();
    broker = new LocalBroker();
    store = new SymbolStore({ ask: broker.request, nowMs: () => performance.now(), vdso: undefined });
  });
  afterEach(() => scratch.cleanUp());

  const resolve = (tgid: number, ...addresses: number[]) =>
    store.resolve(tgid, Float64Array.from(addresses), performance.now() + 10_000);
  const start = async (path: string) => scratch.keep(await Program.start([path], { readyOutput: /ready/ }));
  const needs = (context: Mocha.Context, command: string) => {
    if (!has(command)) skip(context, `there is no ${command}`);
  };

  for (const [title, flags] of [
    ["position-independent", ["-pie", "-fPIE"]],
    ["at fixed addresses", ["-no-pie"]],
    ["static", ["-static"]],
  ] as const) {
    it(`names the functions of a C program, ${title}`, async function () {
      needs(this, "gcc");
      const { path, symbols } = build(scratch, "c", flags);
      const { pid } = await start(path);
      const bias = loadBias(pid, path);
      const at = (name: string) => bias + symbols.get(name)! + 4;
      const { frames, mappings } = await resolve(pid, at("burn_static"), at("burn_global"), 1);
      assert.deepEqual(frames.map(nameOf), ["burn_static", "burn_global", ""]);
      assert.deepEqual([mappings[frames[0]!.mapping]?.path, frames[0]!.type], [path, "native"]);
      assert.equal(frames[2]!.reason, "no_mapping");
      const buildId = /Build ID: (\w+)/.exec(execFileSync("readelf", ["-n", path], { encoding: "utf8" }))?.[1];
      const attributes = new Map(mappings[0]!.attributes);
      assert.equal(attributes.get("process.executable.build_id.gnu"), buildId);
      assert.match(String(attributes.get("process.executable.build_id.htlhash")), /^[0-9a-f]{32}$/);
    });
  }

  it("names what is deleted, replaced, and gone", async function () {
    needs(this, "gcc");
    const { path, symbols } = build(scratch, "c", ["-no-pie"]);
    const program = await start(path);
    store.seen(program.pid);
    await sleep(100);
    rmSync(path);
    copyFileSync("/bin/true", path);
    await program.stop();
    store.exited(program.pid);
    const { frames } = await resolve(program.pid, symbols.get("burn_static")! + 4);
    assert.equal(nameOf(frames[0]), "burn_static");
    assert.equal((await resolve(program.pid + 100_000, 1)).frames[0]!.reason, "process_gone");
  });

  it("never gives a stripped function the name of its neighbour", async function () {
    needs(this, "gcc");
    const { path, symbols } = build(scratch, "c", ["-no-pie", "-rdynamic"]);
    execFileSync("strip", [path]);
    const { pid } = await start(path);
    const { frames } = await resolve(pid, symbols.get("burn_global")! + 4, symbols.get("burn_static")! + 4);
    assert.deepEqual(frames.map(nameOf), ["burn_global", ""]);
    assert.equal(frames[1]!.reason, "no_symbol");
  });

  it("takes a debug file beside the program, and none that is another's", async function () {
    needs(this, "gcc");
    const { path, symbols } = build(scratch, "c", ["-no-pie", "-g"]);
    const debug = `${path}.debug`;
    execFileSync("objcopy", ["--only-keep-debug", path, debug]);
    execFileSync("strip", [path]);
    execFileSync("objcopy", [`--add-gnu-debuglink=${debug}`, path]);
    mkdirSync(scratch.path(".debug"));
    renameSync(debug, `${scratch.folder}/.debug/c.debug`);
    const { pid } = await start(path);
    const address = symbols.get("burn_static")! + 4;
    assert.equal(nameOf((await resolve(pid, address)).frames[0]), "burn_static");

    const other = await Scratch.create();
    scratch.defer(() => other.cleanUp());
    const stranger = build(other, "c", ["-no-pie", "-DOTHER", "-Wl,--build-id=0x1234567890abcdef"]);
    copyFileSync(stranger.path, `${scratch.folder}/.debug/c.debug`);
    const again = new SymbolStore({ ask: new LocalBroker().request, nowMs: () => performance.now(), vdso: undefined });
    const { frames } = await again.resolve(pid, Float64Array.of(address), performance.now() + 10_000);
    assert.equal(nameOf(frames[0]), "");
  });

  for (const [title, isSeparate] of [
    ["", false],
    [" by its debug file", true],
  ] as const) {
    it(`shows what a compiler has put into a function${title}, with files and lines`, async function () {
      needs(this, "gcc");
      const path = scratch.path("inlined");
      const source = scratch.path("inlined.c");
      writeFileSync(source, INLINED);
      execFileSync("gcc", ["-O2", "-g", "-no-pie", "-o", path, source]);
      const from = namesOf(path).get("burn")!;
      if (isSeparate) {
        mkdirSync(scratch.path(".debug"));
        execFileSync("objcopy", ["--only-keep-debug", path, scratch.path(".debug/inlined.debug")]);
        execFileSync("strip", [path]);
        execFileSync("objcopy", [`--add-gnu-debuglink=${scratch.path(".debug/inlined.debug")}`, path]);
      }
      const { pid } = await start(path);
      const { frames } = await resolve(pid, ...Array.from({ length: 24 }, (_, i) => from + i));
      const found = frames.find((frame) => frame.lines.length === 3);
      assert.equal(nameOf(found), "square < twice < burn");
      assert.deepEqual(
        found!.lines.map(({ fileName, lineNumber }) => [fileName, lineNumber]),
        [2, 3, 4].map((lineNumber) => [source, lineNumber]),
      );
      assert.ok(frames.every(({ lifeMs }) => lifeMs === FrameLife.lasting));
    });
  }

  it("demangles C++", async function () {
    needs(this, "g++");
    const { path, symbols } = build(scratch, "cpp", ["-no-pie"]);
    const { pid } = await start(path);
    const [mangled, address] = [...symbols].find(([name]) => name.includes("total"))!;
    const { frames } = await resolve(pid, address + 1);
    assert.equal(
      nameOf(frames[0]),
      execFileSync("c++filt", [mangled], { encoding: "utf8" }).trim().replaceAll(" >", " >"),
    );
    assert.match(nameOf(frames[0])!, /^shop::Cart<double>::total\(/);
  });

  for (const mangling of ["legacy", "v0"]) {
    it(`demangles Rust, ${mangling}`, async function () {
      needs(this, "rustc");
      const unstable = mangling === "legacy" ? ["-Z", "unstable-options"] : [];
      let built: ReturnType<typeof build>;
      try {
        built = build(scratch, "rust", ["-C", `symbol-mangling-version=${mangling}`, ...unstable]);
      } catch {
        built = build(scratch, "rust", mangling === "v0" ? ["-C", "symbol-mangling-version=v0"] : []);
      }
      const { pid } = await start(built.path);
      const [, address] = [...built.symbols].find(([name]) => name.includes("total"))!;
      const { frames } = await resolve(pid, loadBias(pid, built.path) + address + 1);
      assert.match(nameOf(frames[0])!, /^(?:rust|a)::shop::Cart::total$|<.*shop::Cart>::total$/);
      assert.equal(frames[0]!.type, "rust");
    });
  }

  for (const [title, flags] of [
    ["", []],
    [" that is stripped", ["-ldflags=-s -w"]],
    [" that is stripped and position-independent", ["-ldflags=-s -w", "-buildmode=pie"]],
  ] as const) {
    it(`names functions, files, lines and inlined calls of a Go program${title}`, async function () {
      needs(this, "go");
      const { symbols } = build(
        scratch,
        "go",
        flags.filter((flag) => !flag.includes("-s")),
      );
      const { path } = build(scratch, "go", flags);
      const { pid } = await start(path);
      const from = loadBias(pid, path) + symbols.get("main.Burn")!;
      const { frames } = await resolve(pid, ...Array.from({ length: 12 }, (_, i) => from + 4 * i));
      assert.ok(frames.every(({ type }) => type === "go"));
      const lines = frames[0]!.lines[0]!;
      assert.deepEqual([lines.functionName, lines.lineNumber], ["main.Burn", 5]);
      assert.match(lines.fileName!, /\/a\.go$/);
      assert.ok(frames.some((frame) => nameOf(frame) === "main.inlined < main.Burn"));
    });
  }

  it("names Node's code by its perf map", async () => {
    const script =
      "function burnHard(n){let s=0;for(let i=0;i<n;i++)s+=Math.sqrt(i);return s}for(let i=0;i<200;i++)burnHard(1e5);console.log('ready');setInterval(()=>burnHard(1e5),5)";
    const program = scratch.keep(
      await Program.start([process.execPath, "--perf-basic-prof", "-e", script], {
        readyOutput: /ready/,
        // V8 leaves a log where it runs.
        cwd: scratch.folder,
      }),
    );
    const path = `/tmp/perf-${program.pid}.map`;
    scratch.defer(async () => rmSync(path, { force: true }));
    const entry = /^([0-9a-f]+) \S+ \S*\*burnHard .*$/m.exec(readFileSync(path, "utf8"));
    assert.ok(entry !== null, "V8 has optimised it");
    const { frames } = await resolve(program.pid, Number.parseInt(entry[1]!, 16) + 8);
    assert.equal(nameOf(frames[0]), "burnHard");
    assert.equal(frames[0]!.type, "v8js");
    assert.equal(frames[0]!.lifeMs, FrameLife.passing);
  });

  it("says that memory without a file is a runtime's, when there is no perf map", async () => {
    const program = scratch.keep(
      await Program.start([process.execPath, "-e", "console.log('ready');setInterval(()=>{},50)"], {
        readyOutput: /ready/,
      }),
    );
    const maps = readFileSync(`/proc/${program.pid}/maps`, "utf8");
    const jit = /^([0-9a-f]+)-\S+ r.x. \S+ 00:00 0 *$/m.exec(maps)!;
    const { frames } = await resolve(program.pid, Number.parseInt(jit[1]!, 16) + 8);
    assert.deepEqual([nameOf(frames[0]), frames[0]!.type, frames[0]!.reason], ["[JIT]", "v8js", "perf_map_none"]);
    assert.equal(frames[0]!.lifeMs, FrameLife.unnamed);
  });

  it("names the kernel's functions", async function () {
    const line = /^([0-9a-f]{16}) T (\S+)$/m.exec(
      readFileSync("/proc/kallsyms", "utf8").split("\n").slice(5000).join("\n"),
    );
    if (line === null || /^0+$/.test(line[1]!)) skip(this, "this user may not see the kernel's addresses");
    const address = BigInt(`0x${line[1]}`);
    const [frame] = await store.resolveKernel(BigUint64Array.of(address), performance.now() + 10_000);
    assert.equal(frame!.type, "kernel");
    assert.ok(readFileSync("/proc/kallsyms", "utf8").includes(`${line[1]} T ${nameOf(frame)}`) || nameOf(frame) !== "");
  });

  it("does not wait longer than its deadline", async () => {
    const never = new SymbolStore({
      ask: () => new Promise(() => {}),
      nowMs: () => performance.now(),
      vdso: undefined,
    });
    const { frames } = await never.resolve(1, Float64Array.of(1), performance.now() + 50);
    assert.equal(frames[0]!.reason, "process_gone");
    assert.equal(frames[0]!.lifeMs, FrameLife.passing);
  });
});
