import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { getPriority, setPriority } from "node:os";
import { WorkerPriority } from "../../src/broker/worker-priority.ts";
import { skip } from "../support/skip.ts";

describe("WorkerPriority", () => {
  let child: ChildProcess;
  let pid: number;

  beforeEach(() => {
    child = spawn("sleep", ["60"]);
    pid = child.pid!;
  });
  afterEach(() => child.kill());

  function follow(canRaise: boolean): WorkerPriority {
    const priority = new WorkerPriority(() => canRaise);
    priority.follow(pid);
    return priority;
  }

  it("gives way, and takes back the place that its user has given it", function () {
    if (process.getuid?.() !== 0) skip(this, "not root");
    setPriority(pid, 3);
    const priority = follow(true);
    for (let round = 0; round < 2; round++) {
      priority.giveWay(true);
      priority.giveWay(true);
      assert.equal(getPriority(pid), 8);
      priority.giveWay(false);
      priority.giveWay(false);
      assert.equal(getPriority(pid), 3);
    }
  });

  it("asks for no priority that Linux does not have", () => {
    setPriority(pid, 17);
    follow(true).giveWay(true);
    assert.equal(getPriority(pid), 19);
  });

  it("gives nothing up that it could not take back", () => {
    const before = getPriority(pid);
    follow(false).giveWay(true);
    assert.equal(getPriority(pid), before);
  });

  it("does nothing to a process that is gone", () => {
    const priority = new WorkerPriority(() => true);
    priority.giveWay(true);
    priority.follow(2 ** 22);
    assert.throws(() => getPriority(2 ** 22));
    priority.giveWay(true);
  });
});
