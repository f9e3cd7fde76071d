/** Programs of CPython that are looked at in tests of what is read of them. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { findCpython } from "../../src/receiver/runtimes/cpython.ts";
import { isPlan, type UnitPlan } from "../../src/receiver/runtimes/unit-plan.ts";
import { localProcess } from "./local-process.ts";
import { skip } from "./skip.ts";

/** Versions whose pools of threads are read. */
const WITH_POOLS = /^Python 3\.1[1-3]\./;

export function needsPools(test: Mocha.Context): void {
  const version = spawnSync("python3", ["--version"], { encoding: "utf8" }).stdout ?? "";
  if (!WITH_POOLS.test(version)) skip(test, `no Python 3.11 to 3.13 here: ${version.trim() || "none"}`);
}

export async function refined(pid: number): Promise<UnitPlan> {
  const first = await findCpython(localProcess(pid));
  assert.ok(first !== undefined && isPlan(first), JSON.stringify(first));
  const plan = first.refine === undefined ? first : await first.refine();
  assert.ok(isPlan(plan));
  return plan;
}

export async function withPython(
  python: string,
  program: string,
  check: (pid: number, printed: string) => Promise<void>,
): Promise<void> {
  const child = spawn(python, ["-c", program], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    const [printed] = await once(child.stdout, "data");
    await check(child.pid!, String(printed).trim());
  } finally {
    child.stdin.end();
    await once(child, "exit");
  }
}
