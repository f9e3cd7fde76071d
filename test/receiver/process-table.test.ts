import assert from "node:assert/strict";
import type { ProcessFacts } from "../../src/ipc/process-facts.ts";
import type { Resource } from "../../src/mapping/span.ts";
import { ProcessTable } from "../../src/receiver/process-table.ts";

const HOST = { hostName: "h", bootId: "b", version: "1", ownCgroupPath: undefined };
const SECOND = 1e9;

function facts(tgid: number, changes: Partial<ProcessFacts> = {}): ProcessFacts {
  return {
    tgid,
    parentTgid: 1,
    startTimeTicks: 100,
    comm: "x",
    executablePath: "/bin/program",
    commandLine: ["program"],
    environment: {},
    ...changes,
  };
}

/** A broker that answers when told to. */
function table() {
  const asked: { tgid: number; answer: (facts: ProcessFacts | null) => Promise<void>; fail: () => Promise<void> }[] =
    [];
  const processes = new ProcessTable({
    host: HOST,
    askFacts: (tgid) =>
      new Promise((resolve, reject) => {
        const settled = () => new Promise<void>((done) => setImmediate(done));
        asked.push({
          tgid,
          answer: (value) => {
            resolve(value);
            return settled();
          },
          fail: () => {
            reject(new Error("no"));
            return settled();
          },
        });
      }),
  });
  return { asked, processes };
}

function attribute(resource: Resource | undefined, key: string): unknown {
  return resource?.attributes.find(([name]) => name === key)?.[1];
}

const comm = () => "comm";

describe("ProcessTable", () => {
  it("asks once at first sight and knows nothing until the answer", async () => {
    const { asked, processes } = table();
    processes.seen(5, comm);
    processes.seen(5, comm);
    assert.equal(asked.length, 1);
    assert.equal(processes.resourceOf(5), undefined);
    await asked[0]!.answer(facts(5));
    assert.equal(attribute(processes.resourceOf(5), "service.name"), "program");
    assert.equal(processes.resourceOf(5), processes.resourceOf(5), "one object per process");
  });

  it("takes the exec event's word for a process that was gone before it could be read", async () => {
    const { asked, processes } = table();
    processes.executed(5, SECOND, "curl", { filename: "/usr/bin/curl", commandLine: ["curl", "http://x"] });
    processes.exited(5, 2 * SECOND);
    await asked[0]!.answer(null);
    const resource = processes.resourceOf(5);
    assert.equal(attribute(resource, "service.name"), "curl");
    assert.equal(attribute(resource, "process.executable.path"), "/usr/bin/curl");
  });

  it("takes the parent's program for a fork that was gone", async () => {
    const { asked, processes } = table();
    processes.seen(4, comm);
    await asked[0]!.answer(facts(4, { environment: { OTEL_SERVICE_NAME: "prefork" } }));
    processes.forked(5, 4, 3 * SECOND, "worker");
    assert.equal(asked.length, 1, "a fork is asked about when it does something");
    processes.seen(5, comm);
    await asked[1]!.answer(null);
    assert.equal(attribute(processes.resourceOf(5), "service.name"), "prefork");
    assert.equal(attribute(processes.resourceOf(5), "process.pid"), 5);
  });

  it("asks anew when the process runs another program", async () => {
    const { asked, processes } = table();
    processes.seen(5, comm);
    await asked[0]!.answer(facts(5));
    processes.executed(5, SECOND, "other", undefined);
    assert.equal(processes.resourceOf(5), undefined);
    await asked[1]!.answer(facts(5, { executablePath: "/bin/other" }));
    assert.equal(attribute(processes.resourceOf(5), "service.name"), "other");
  });

  it("ignores an answer to a question about the program before", async () => {
    const { asked, processes } = table();
    processes.seen(5, comm);
    processes.executed(5, SECOND, "other", undefined);
    await asked[0]!.answer(facts(5, { executablePath: "/bin/before" }));
    assert.equal(processes.resourceOf(5), undefined);
  });

  it("does not take another process's facts when the number was used again", async () => {
    const { asked, processes } = table();
    processes.executed(5, SECOND, "first", { filename: "/bin/first", commandLine: ["first"] });
    await asked[0]!.answer(facts(5, { startTimeTicks: 999, executablePath: "/bin/second" }));
    assert.equal(attribute(processes.resourceOf(5), "service.name"), "first");
  });

  it("asks again after a question that failed", async () => {
    const { asked, processes } = table();
    processes.seen(5, comm);
    await asked[0]!.fail();
    processes.seen(5, comm);
    assert.equal(asked.length, 2);
  });

  it("is settled with the last answer, and waits for none that does not come", async () => {
    const { asked, processes } = table();
    await processes.settled(60_000);
    processes.seen(5, comm);
    processes.seen(6, comm);
    let isSettled = false;
    const settled = processes.settled(60_000).then(() => {
      isSettled = true;
    });
    await asked[0]!.answer(facts(5));
    assert.equal(isSettled, false);
    await asked[1]!.fail();
    await settled;
    processes.seen(7, comm);
    await processes.settled(1);
    assert.equal(processes.resourceOf(7), undefined);
  });

  it("keeps a process for a while after its exit", async () => {
    const { asked, processes } = table();
    processes.seen(5, comm);
    await asked[0]!.answer(facts(5));
    processes.exited(5, 100 * SECOND);
    processes.advance(105 * SECOND);
    assert.notEqual(processes.resourceOf(5), undefined);
    processes.advance(111 * SECOND);
    assert.equal(processes.resourceOf(5), undefined);
  });

  it("falls back to the thread's name when a span can't wait", () => {
    const { processes } = table();
    processes.seen(5, comm);
    assert.equal(attribute(processes.fallbackResource(5, "thread"), "service.name"), "comm");
    assert.equal(attribute(processes.fallbackResource(6, "unseen"), "service.name"), "unseen");
  });

  it("believes what an SDK in the process publishes, but who it is to the kernel and who made the data", async () => {
    const { processes, asked } = table();
    processes.described(7, [
      ["service.name", "checkout"],
      ["process.pid", 1],
      ["telemetry.sdk.name", "opentelemetry"],
      ["shard", "seven"],
    ]);
    processes.seen(7, () => "x");
    await asked[0]!.answer(facts(7));
    const attributes = new Map(processes.resourceOf(7)!.attributes);
    const keys = ["service.name", "process.pid", "telemetry.sdk.name", "shard"];
    assert.deepEqual(
      keys.map((key) => attributes.get(key)),
      ["checkout", 7, "sockspan", "seven"],
    );
    processes.described(7, [["service.name", "payment"]]);
    assert.equal(new Map(processes.resourceOf(7)!.attributes).get("service.name"), "payment");
    processes.executed(7, SECOND, "x", undefined);
    await asked[1]!.answer(facts(7));
    assert.equal(new Map(processes.resourceOf(7)!.attributes).get("service.name"), "program");
  });

  it("asks of a program when it begins, not again when that is read", async () => {
    const { asked, processes } = table();
    processes.foreseen(5, 700, true);
    assert.equal(asked.length, 1);
    const newest = processes.newestFacts(5);
    processes.executed(5, SECOND, "program", undefined, 700);
    await asked[0]!.answer(facts(5, { executablePath: "/bin/new" }));
    assert.equal(asked.length, 1);
    assert.equal((await newest)?.executablePath, "/bin/new");
    assert.equal(processes.factsOf(5)?.executablePath, "/bin/new");
  });

  it("takes what was asked of a later program for no earlier one", async () => {
    const { asked, processes } = table();
    processes.executed(5, SECOND, "old", undefined, 600);
    await asked[0]!.answer(facts(5, { executablePath: "/bin/old" }));
    processes.foreseen(5, 700, true);
    const newest = processes.newestFacts(5);
    await asked[1]!.answer(facts(5, { executablePath: "/bin/new" }));
    assert.equal((await newest)?.executablePath, "/bin/new");
    assert.equal(processes.factsOf(5)?.executablePath, "/bin/old");
  });
});
