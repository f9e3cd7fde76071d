import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { findCpython } from "../../../src/receiver/runtimes/cpython.ts";
import { isPlan, type UnitPlan } from "../../../src/receiver/runtimes/unit-plan.ts";
import { localProcess } from "../../support/local-process.ts";
import { skip } from "../../support/skip.ts";

/** Versions whose pools of threads are read. */
const WITH_POOLS = /^Python 3\.1[1-3]\./;

const PROGRAM = `
import asyncio, concurrent.futures.thread, os, sys
child = os.fork()
if child:
    print(child, flush=True)
sys.stdin.read()
`;

async function refined(pid: number): Promise<UnitPlan> {
  const first = await findCpython(localProcess(pid));
  assert.ok(first !== undefined && isPlan(first), JSON.stringify(first));
  const plan = first.refine === undefined ? first : await first.refine();
  assert.ok(isPlan(plan));
  return plan;
}

describe("CPython's makers", function () {
  this.timeout(20_000);

  it("are found before there is a pool, and are the same in a fork", async function () {
    const version = spawnSync("python3", ["--version"], { encoding: "utf8" }).stdout ?? "";
    if (!WITH_POOLS.test(version)) skip(this, `no Python 3.11 to 3.13 here: ${version.trim() || "none"}`);
    const python = spawn("python3", ["-c", PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      const [printed] = await once(python.stdout, "data");
      const plan = await refined(python.pid!);
      const names = plan.uprobes?.map(({ program }) => program);
      assert.deepEqual(names, ["python_task", "python_submit"]);
      assert.ok(plan.python !== undefined && plan.python.workItemType > 0 && plan.python.functionType > 0);
      assert.equal(plan.pools?.length, 1);
      // Nobody waits for a pool's threads that are not there: wake-ups of the whole host need not be watched.
      assert.equal(plan.wakes, undefined);
      assert.equal(plan.limit, undefined);
      const inherited = await plan.forFork?.(localProcess(Number(String(printed))));
      assert.deepEqual(
        [inherited?.steps, inherited?.pools, inherited?.uprobes, inherited?.python],
        [plan.steps, plan.pools, plan.uprobes, plan.python],
      );
    } finally {
      python.stdin.end();
      await once(python, "exit");
    }
  });
});
