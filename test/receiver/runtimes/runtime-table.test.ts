import assert from "node:assert/strict";
import type { ProcessView } from "../../../src/receiver/runtimes/process-view.ts";
import { newEntry, nextLookMs } from "../../../src/receiver/runtimes/runtime-entry.ts";
import { RuntimeTable } from "../../../src/receiver/runtimes/runtime-table.ts";
import type { UnitPlan } from "../../../src/receiver/runtimes/unit-plan.ts";
import { eventually } from "../../support/eventually.ts";
import { localProcess } from "../../support/local-process.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} } as unknown as ConstructorParameters<
  typeof RuntimeTable
>[0]["log"];

/** nginx is known by the name of its executable; its file is the smallest ELF with a .text section: our own Node. */
function nginxView(tgid: number, executable = "/usr/sbin/nginx"): ProcessView {
  return {
    tgid,
    executable,
    mappings: () => Promise.resolve([]),
    file: () => Promise.resolve(undefined),
    memory: () => Promise.resolve(new Uint8Array()),
    threads: () => Promise.resolve([]),
    again: () => nginxView(tgid),
  };
}

describe("RuntimeTable", () => {
  it("tells the programs of nginx at its exec, before it has forked its workers", async () => {
    const written: number[] = [];
    const table = new RuntimeTable({
      view: () => new Promise(() => {}),
      write: (tgid) => Promise.resolve(written.push(tgid)),
      log: silent,
    });
    table.started({ tgid: 7, executable: "/usr/sbin/nginx" });
    table.started({ tgid: 8, executable: "/bin/bash" });
    table.started({ tgid: 9 });
    assert.deepEqual(written, [7]);
    table.stop();
  });

  it("looks at none of the processes that are left out, but at others that get their numbers", async () => {
    const looked: number[] = [];
    const table = new RuntimeTable({
      view: async (tgid) => {
        looked.push(tgid);
        return nginxView(tgid);
      },
      write: async () => {},
      leftOut: new Set([7]),
      log: silent,
    });
    for (const tgid of [7, 8]) {
      table.existing(tgid);
      table.seen(tgid);
      table.listens(tgid);
    }
    await eventually(() => looked.includes(8));
    assert.ok(!looked.includes(7));
    table.exited(7);
    table.started({ tgid: 7, executable: "/bin/other" });
    table.seen(7);
    await eventually(() => looked.includes(7));
    table.stop();
  });

  it("says why a runtime that is there is not read, and writes no plan for it", async () => {
    const written: UnitPlan[] = [];
    let looks = 0;
    const table = new RuntimeTable({
      view: (tgid) => {
        looks++;
        return Promise.resolve(nginxView(tgid));
      },
      write: (_, plan) => Promise.resolve(written.push(plan)),
      log: silent,
    });
    table.seen(7);
    table.seen(7);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(table.findingOf(7), { runtime: "nginx", off: "the executable can't be read" });
    assert.deepEqual(written, []);
    assert.equal(looks, 1, "a second sight asks nothing again");
    table.stop();
  });

  it("believes no threads of a process before it was looked at, and looks again when that failed", async () => {
    let looks = 0;
    const table = new RuntimeTable({
      view: (tgid) => {
        looks++;
        return looks === 1 ? Promise.reject(new Error("no answer in time")) : Promise.resolve(nginxView(tgid));
      },
      write: () => Promise.resolve(),
      log: silent,
    });
    table.started({ tgid: 7, executable: "/bin/anything" });
    assert.equal(table.areThreadsUnits(7), false);
    await new Promise((resolve) => setTimeout(resolve, 250));
    assert.ok(looks >= 2);
    assert.equal(table.areThreadsUnits(7), true);
    table.stop();
  });

  it("looks at once at a program that begins to listen, once", () => {
    const looked: number[] = [];
    const table = new RuntimeTable({
      view: (tgid) => {
        looked.push(tgid);
        return new Promise(() => {});
      },
      write: () => Promise.resolve(),
      log: silent,
    });
    for (const tgid of [5, 6]) table.existing(tgid);
    table.started({ tgid: 7, executable: "/bin/anything" });
    table.listens(7);
    table.listens(7);
    assert.deepEqual(looked, [5, 6, 7]);
    table.stop();
  });

  it("looks again soon at a program whose runtime is about to begin, a few times", () => {
    const entry = newEntry();
    entry.looks = 1;
    entry.finding = { runtime: "any", off: "not initialised yet", begins: true };
    const waits = Array.from({ length: 12 }, () => nextLookMs(entry) ?? 0);
    assert.ok(waits.slice(0, 5).reduce((sum, wait) => sum + wait) < 100);
    assert.equal(waits.at(-1), 80);
    entry.finding = { runtime: "any", off: "another layout" };
    entry.earlyLooks = 0;
    assert.equal(nextLookMs(entry), 80);
  });

  it("believes no threads of Erlang, whose processes wander between them, and says so", async () => {
    const table = new RuntimeTable({
      view: (tgid) => Promise.resolve(nginxView(tgid, "/usr/lib/erlang/erts-13.1.5/bin/beam.smp")),
      write: () => Promise.reject(new Error("there is nothing to be read")),
      log: silent,
    });
    table.seen(7);
    await table.settled(1000);
    const finding = table.findingOf(7);
    assert.ok(finding !== undefined && "off" in finding);
    assert.equal(finding.runtime, "erlang");
    assert.equal(table.areThreadsUnits(7), false);
    table.stop();
  });

  it("looks twice at once at a process that was there before, whose runtime is up", async () => {
    let looks = 0;
    const table = new RuntimeTable({
      view: (tgid) => {
        looks++;
        return Promise.resolve(nginxView(tgid));
      },
      write: () => Promise.resolve(),
      log: silent,
    });
    table.existing(7);
    await table.settled(1000);
    assert.equal(looks, 2);
    table.stop();
  });

  it("looks again at once at a process that has spoken while it was looked at", async () => {
    const answers: ((view: ProcessView) => void)[] = [];
    const table = new RuntimeTable({
      view: () => new Promise((resolve) => answers.push(resolve)),
      write: () => Promise.resolve(),
      log: silent,
    });
    table.existing(7);
    table.seen(7);
    assert.equal(answers.length, 1);
    answers[0]!(nginxView(7, "/usr/bin/anything"));
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(answers.length, 2);
    answers[1]!(nginxView(7, "/usr/bin/anything"));
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(answers.length, 2);
    table.stop();
  });

  it("forgets a process that ended while it was looked at", async () => {
    let answer: (view: ProcessView | undefined) => void = () => {};
    const table = new RuntimeTable({
      view: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
      write: () => Promise.reject(new Error("nothing is written of the dead")),
      log: silent,
    });
    table.seen(7);
    table.exited(7);
    answer(nginxView(7));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(table.findingOf(7), undefined);
    table.stop();
  });

  it("looks at a process that speaks while others that have not are slow to read", () => {
    const looked: number[] = [];
    const table = new RuntimeTable({
      view: (tgid) => {
        looked.push(tgid);
        return new Promise(() => {});
      },
      write: () => Promise.resolve(),
      log: silent,
    });
    for (let tgid = 1; tgid <= 20; tgid++) table.existing(tgid);
    assert.deepEqual(looked, [1, 2], "the reader is shared");
    table.seen(30);
    table.seen(20);
    assert.deepEqual(looked, [1, 2, 30, 20]);
    table.stop();
  });

  it("reads a Node that has spoken closely while others are still being looked at", async () => {
    const written: UnitPlan[] = [];
    const table = new RuntimeTable({
      view: (tgid) => (tgid === 7 ? Promise.resolve(localProcess(process.pid)) : new Promise(() => {})),
      write: (_, plan) => Promise.resolve(written.push(plan)),
      log: silent,
    });
    table.existing(8);
    table.seen(7);
    await eventually(() => written.length > 1);
    assert.ok(written.at(-1)?.steps.some(({ step }) => step === "node_ids"));
    table.stop();
  });

  it("keeps what was read closely when a look ends that began before it", async () => {
    const written: boolean[] = [];
    const hasIds = ({ steps }: UnitPlan) => steps.some(({ step }) => step === "node_ids");
    let looks = 0;
    const table = new RuntimeTable({
      view: async () => {
        looks++;
        const view = localProcess(process.pid);
        if (looks > 1) {
          await eventually(() => written.includes(true));
          return view;
        }
        const memory = async (address: number, lengthBytes: number) => {
          if (lengthBytes > 1 << 20) await eventually(() => looks > 1);
          return view.memory(address, lengthBytes);
        };
        return { ...view, memory };
      },
      write: (_, plan) => Promise.resolve(written.push(hasIds(plan))),
      log: silent,
    });
    table.seen(7);
    await eventually(() => looks > 1);
    await table.settled(10_000);
    assert.deepEqual(written, [false, true]);
    table.stop();
  });

  it("looks once at what ran before and has no runtime, again when it speaks, and several times at what is young", async () => {
    const looked: number[] = [];
    const table = new RuntimeTable({
      view: (tgid) => {
        looked.push(tgid);
        return Promise.resolve(undefined);
      },
      write: () => Promise.resolve(),
      log: silent,
    });
    table.existing(1);
    table.started({ tgid: 2 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual(looked.slice(0, 3), [1, 2, 2]);
    table.seen(1);
    assert.equal(looked.at(-1), 1);
    assert.equal(looked.filter((tgid) => tgid === 1).length, 2);
    table.stop();
  });

  it("looks at once at a program that it knew at its first look before, and as usual too, if that was too early", async () => {
    const known = "/opt/nginx";
    const self = localProcess(process.pid);
    const view: ProcessView = {
      ...nginxView(7, known),
      mappings: async () =>
        (await self.mappings()).map((mapping) =>
          mapping.path === process.execPath ? { ...mapping, path: known } : mapping,
        ),
      file: () => self.file(process.execPath),
    };
    const answers: ((view: ProcessView | undefined) => void)[] = [];
    const table = new RuntimeTable({
      view: () => new Promise((resolve) => answers.push(resolve)),
      write: () => Promise.resolve(),
      log: silent,
    });
    table.started({ tgid: 7, executable: known });
    assert.equal(answers.length, 0, "what is not known may be over in a moment");
    await eventually(() => answers.length === 1);
    answers[0]!(view);
    await eventually(() => table.findingOf(7) !== undefined);
    table.started({ tgid: 8, executable: known });
    assert.equal(answers.length, 2);
    answers[1]!(undefined);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(table.areThreadsUnits(8), false);
    await eventually(() => answers.length === 3);
    table.stop();
  });

  describe("where a program's beginning is read later than it happens", () => {
    const silentGo = (tgid: number): ProcessView => nginxView(tgid, "/usr/lib/erlang/erts-13.1.5/bin/beam.smp");
    let looked: string[];
    let written: number[];
    let over: number[];
    let table: RuntimeTable;

    beforeEach(() => {
      looked = [];
      written = [];
      over = [];
      table = new RuntimeTable({
        view: (tgid) => {
          looked.push(`${tgid}`);
          return Promise.resolve(silentGo(tgid));
        },
        write: (tgid) => Promise.resolve(written.push(tgid)),
        over: (tgid) => over.push(tgid),
        log: silent,
      });
    });

    afterEach(() => table.stop());

    it("looks at it before that, once, and believes no thread of it until then", async () => {
      table.foreseen({ tgid: 7, timestampNs: 100, executable: "/bin/a" });
      await eventually(() => looked.length === 1);
      assert.equal(table.findingOf(7), undefined, "nothing is known of what is not there yet");
      table.started({ tgid: 7, timestampNs: 100, executable: "/bin/a" });
      assert.equal(table.findingOf(7)?.runtime, "erlang");
      assert.equal(looked.length, 1);
    });

    it("writes the plan of a known program at once, and takes it back from what the process was", () => {
      table.started({ tgid: 7, timestampNs: 1, executable: "/usr/sbin/nginx" });
      table.foreseen({ tgid: 7, timestampNs: 100, executable: "/usr/sbin/nginx" });
      assert.deepEqual(written, [7, 7]);
      assert.deepEqual(over, [7]);
      table.started({ tgid: 7, timestampNs: 100, executable: "/usr/sbin/nginx" });
      assert.deepEqual(written, [7, 7]);
      assert.deepEqual(over, [7], "what was taken back once is not taken from its successor");
    });

    it("says of a process's records what it was then", async () => {
      table.started({ tgid: 7, timestampNs: 1, executable: "/bin/a" });
      table.seen(7);
      await eventually(() => table.findingOf(7) !== undefined);
      table.foreseen({ tgid: 7, timestampNs: 100, executable: "/bin/b" });
      assert.equal(table.findingOf(7)?.runtime, "erlang");
      table.started({ tgid: 7, timestampNs: 100, executable: "/bin/b" });
      assert.equal(table.findingOf(7), undefined);
    });

    it("keeps what is foreseen of a number that passes to another process when the first one ends", () => {
      table.started({ tgid: 7, timestampNs: 1, executable: "/usr/sbin/nginx" });
      table.foreseen({ tgid: 7, timestampNs: 100, parentTgid: 1 });
      table.foreseen({ tgid: 7, timestampNs: 200, executable: "/usr/sbin/nginx" });
      table.exited(7);
      table.started({ tgid: 7, timestampNs: 100, parentTgid: 1 });
      assert.equal(
        table.areThreadsUnits(7),
        false,
        "of a program that is over before it was looked at nothing is known",
      );
      table.started({ tgid: 7, timestampNs: 200, executable: "/usr/sbin/nginx" });
      assert.deepEqual(written, [7, 7]);
      assert.deepEqual(over, [7]);
      table.exited(7);
      assert.deepEqual(over, [7, 7]);
    });
  });
});
