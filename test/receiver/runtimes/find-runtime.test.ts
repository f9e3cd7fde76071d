import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UnitKind } from "../../../src/bpf/layout.gen.ts";
import { findRuntime } from "../../../src/receiver/runtimes/find-runtime.ts";
import { isPlan, type UnitFinding, type UnitPlan } from "../../../src/receiver/runtimes/unit-plan.ts";
import { localProcess } from "../../support/local-process.ts";
import { skip } from "../../support/skip.ts";

const TO_THREAD = `
import asyncio, time
async def main():
    await asyncio.gather(*(asyncio.to_thread(time.sleep, 10) for _ in range(3)))
asyncio.run(main())`;
const THREAD_POOL = `
import time
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(3)
for _ in range(3): pool.submit(time.sleep, 10)
time.sleep(10)`;

/** Starts a program that sleeps, and looks until it is recognised or two seconds have gone. */
async function findingOf(
  command: string,
  args: readonly string[],
  isWhole: (plan: UnitPlan) => boolean = () => true,
): Promise<UnitFinding | undefined> {
  const child: ChildProcess = spawn(command, args, { stdio: "ignore" });
  try {
    let finding: UnitFinding | undefined;
    for (let attempt = 0; attempt < 20; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      finding = await findRuntime(localProcess(child.pid ?? 0));
      if (finding !== undefined && isPlan(finding) && isWhole(finding))
        return (await finding.refineLater?.()) ?? finding;
    }
    return finding;
  } finally {
    child.kill("SIGKILL");
  }
}

function skipWithout(context: Mocha.Context, command: string): void {
  if (spawnSync("which", [command]).status === 0) return;
  skip(context, `no ${command} on the PATH`);
}

const ALL_OF_NODE = [
  "node_collect",
  "node_drain",
  "node_resume",
  "node_await_all",
  "node_all_element",
  "node_gen_await",
  "node_await",
];

describe("findRuntime", function () {
  this.timeout(20_000);

  it("reads CPython's context through the GILState key", async function () {
    skipWithout(this, "python3");
    const executable = spawnSync("python3", ["-c", "import sys; print(sys.executable)"], {
      encoding: "utf8",
    }).stdout.trim();
    const finding = await findingOf(executable, ["-c", "import time; time.sleep(10)"]);
    assert.ok(finding !== undefined && isPlan(finding), JSON.stringify(finding));
    assert.equal(finding.unitKind, UnitKind.pythonContext);
    assert.deepEqual(
      finding.steps.map(({ step }) => step),
      ["thread_pointer", "load", "load", "to_unit", "thread_pointer", "load", "load", "to_turn"],
    );
  });

  for (const [name, program, hops] of [
    ["the context of the task that awaits a thread's job", TO_THREAD, 8],
    ["a thread's job where no task awaits it", THREAD_POOL, 0],
  ] as const) {
    it(`finds ${name}`, async function () {
      skipWithout(this, "python3");
      const [executable, version] = spawnSync(
        "python3",
        ["-c", "import sys; print(sys.executable, *sys.version_info[:2])"],
        {
          encoding: "utf8",
        },
      )
        .stdout.trim()
        .split(/ (.*)/);
      if (!["3 11", "3 12", "3 13"].includes(version!)) {
        skip(this, `CPython ${version} keeps no data stack that we know`);
      }
      const finding = await findingOf(executable!, ["-c", program], ({ pools }) => pools !== undefined);
      assert.ok(finding !== undefined && isPlan(finding), JSON.stringify(finding));
      assert.equal(finding.pools?.length, 1);
      assert.ok(finding.pools[0]!.hopCount >= hops, JSON.stringify(finding.pools));
      assert.equal(finding.pools[0]!.hopCount === 0, hops === 0);
      assert.ok(finding.steps.some(({ step }) => step === "pool_job"));
    });
  }

  it("reads Ruby's execution context through the library's thread-local block", async function () {
    skipWithout(this, "ruby");
    const finding = await findingOf("ruby", ["-e", "sleep 10"]);
    assert.ok(finding !== undefined && isPlan(finding), JSON.stringify(finding));
    assert.equal(finding.unitKind, UnitKind.rubyFiber);
    assert.deepEqual(
      finding.steps.map(({ step }) => step),
      ["thread_pointer", "load", "load", "load", "to_unit", "add", "load", "to_parent"],
    );
    assert.deepEqual(
      finding.uprobes?.map(({ program }) => program),
      ["ruby_thread_made", "ruby_thread_ended"],
    );
  });

  it("reads the task that HAProxy runs", async function () {
    skipWithout(this, "haproxy");
    const folder = mkdtempSync(join(tmpdir(), "haproxy-"));
    const config = join(folder, "haproxy.cfg");
    const timeouts = " timeout client 1s\n timeout connect 1s\n timeout server 1s\n";
    writeFileSync(config, `defaults\n mode http\n${timeouts}frontend in\n bind ${folder}/in\n`);
    const finding = await findingOf("haproxy", ["-db", "-f", config]);
    assert.ok(finding !== undefined && isPlan(finding), JSON.stringify(finding));
    assert.equal(finding.unitKind, UnitKind.haproxyTask);
    assert.match(finding.version, /^\d+\.\d+/);
    assert.ok((finding.steps[0] as { operand: number }).operand < 0);
  });

  it("reads where Node's loop keeps what it is doing, its ids, and where its async functions wait", async () => {
    const finding = await findingOf(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    assert.ok(finding !== undefined && isPlan(finding), JSON.stringify(finding));
    assert.equal(finding.unitKind, UnitKind.nodeAsync);
    assert.deepEqual(
      finding.steps.map(({ step }) => step),
      ["main_thread", "absolute", "load", "to_phase", "node_ids", "node_microtasks"],
    );
    // V8 has one builtin for await, or two.
    assert.deepEqual([...new Set(finding.handovers?.map(({ program }) => program))], ALL_OF_NODE);
  });

  it("finds no unit beside the thread in a C program", async () => {
    assert.equal(await findingOf("sleep", ["10"]), undefined);
  });

  it("knows tokio by the names of its source where its symbols are stripped: its tasks wander", async function () {
    skipWithout(this, "cc");
    const folder = mkdtempSync(join(tmpdir(), "stripped-"));
    const source = join(folder, "stripped.c");
    const text = "/src/tokio-1.44.2/src/runtime/task/core.rs";
    writeFileSync(
      source,
      `#include <unistd.h>
__asm__(".ident \\"rustc version 1.86.0\\"");
int main(void) { volatile const char *place = "${text}"; while (*place) sleep(10); return 0; }
`,
    );
    const { status, stderr } = spawnSync("cc", ["-s", "-o", join(folder, "stripped"), source], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    const finding = await findingOf(join(folder, "stripped"), []);
    assert.deepEqual(finding, { runtime: "tokio", off: "its symbols are stripped", wanders: true });
  });
});
