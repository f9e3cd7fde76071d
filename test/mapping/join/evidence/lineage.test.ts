import assert from "node:assert/strict";
import { AsyncioProgram, type Task, TGID } from "../../../support/asyncio-program.ts";

describe("what tasks of asyncio have made", () => {
  it("is the request's that the maker of the maker answers", () => {
    const program = new AsyncioProgram();
    program.warm();
    const [one, other] = [program.serve(), program.serve()];
    program.call(program.make(program.make(one.task, 2)), "/nested");
    other.answer();
    one.answer();
    program.host.pass(10_000);
    assert.equal(program.parentOf("/nested"), one.path);
  });

  it("is another's, where its context is one that another task had before", () => {
    const program = new AsyncioProgram();
    program.warm();
    const context = 0x7f30_0000;
    const one = program.serve(context);
    const child = program.make(one.task);
    one.answer();
    const other = program.serve(context);
    const own = program.make(other.task);
    program.call(child, "/first");
    program.call(own, "/second");
    other.answer();
    program.host.pass(10_000);
    assert.equal(program.parentOf("/first"), one.path);
    assert.equal(program.parentOf("/second"), other.path);
  });

  it("is nobody's half a minute after the answer", () => {
    const program = new AsyncioProgram();
    program.warm();
    const one = program.serve();
    const child = program.make(one.task);
    one.answer();
    program.host.pass(31_000);
    const beside = [program.serve(), program.serve()];
    program.call(child, "/late");
    for (const each of beside) each.answer();
    program.host.pass(10_000);
    assert.equal(program.parentOf("/late"), undefined);
  });

  it("is the request's where the program is seconds behind with its calls, and each request has made such a task", () => {
    const program = new AsyncioProgram();
    program.warm();
    const links = [1, 2, 3].map(() => program.host.connect({ only: "server" }));
    const behind: { readonly task: Task; readonly path: string }[] = [];
    for (let round = 0; round < 8; round++) {
      const served = links.map((link) => program.serve(undefined, link));
      for (const { task, path, answer } of served) {
        behind.push({ task: program.make(task), path });
        answer();
      }
    }
    program.host.pass(2000);
    const open = links.map((link) => program.serve(undefined, link));
    for (const { task, path } of behind) {
      program.call(task, `${path}.1`);
      program.host.pass(200);
    }
    program.host.pass(4000);
    for (const { answer } of open) answer();
    program.host.pass(10_000);
    const found = behind.map(({ path }) => program.parentOf(`${path}.1`));
    const known = found.filter((parent) => parent !== undefined).length;
    for (const [index, parent] of found.entries()) assert.ok(parent === undefined || parent === behind[index]!.path);
    assert.ok(known >= 20, `${known} of ${behind.length}`);
  });

  it("and what it calls itself behind its answer is its request's, where each request has a task of its own", () => {
    const program = new AsyncioProgram();
    const links = [1, 2, 3].map(() => program.host.connect({ only: "server" }));
    for (let round = 0; round < 3; round++) {
      const served = links.map((link) => program.serve(undefined, link));
      for (const { answer } of served) answer();
    }
    const served = links.map((link) => program.serve(undefined, link));
    for (const { answer } of served) answer();
    const next = links.map((link) => program.serve(undefined, link));
    for (const { task, path } of served) for (const call of [1, 2]) program.call(task, `${path}.${call}`);
    for (const { task, path } of served) program.call(program.make(task), `${path}.made`);
    program.host.pass(600);
    for (const { answer } of next) answer();
    program.host.pass(10_000);
    for (const { path } of served)
      for (const call of ["1", "2", "made"]) assert.equal(program.parentOf(`${path}.${call}`), path);
  });

  it("and stays it where the next tasks come to be at the addresses of those that are done", () => {
    const program = new AsyncioProgram();
    const contexts = [1, 2, 3].map((index) => 0x7f30_0000 + 64 * index);
    const links = contexts.map(() => program.host.connect({ only: "server" }));
    const serve = () => links.map((link, index) => program.serve(contexts[index], link));
    for (let round = 0; round < 3; round++) for (const { answer } of serve()) answer();
    const served = serve();
    for (const { answer } of served) answer();
    const made = served.map(({ task }) => program.make(task));
    // Somebody is served all the time, so that nothing is alone.
    const beside = program.serve();
    for (const [index, { path }] of served.entries()) program.call(made[index]!, `${path}.made`);
    for (let round = 0; round < 3; round++) for (const { answer } of serve()) answer();
    program.host.pass(600);
    beside.answer();
    program.host.pass(10_000);
    for (const { path } of served) assert.equal(program.parentOf(`${path}.made`), path);
  });

  it("and what it calls behind an answer is the next request's, where a task serves a connection", () => {
    const program = new AsyncioProgram();
    const links = [1, 2, 3].map(() => program.host.connect({ only: "server" }));
    const tasks = links.map(() => program.make(undefined, 1));
    const serve = () => links.map((link, index) => program.serveBy(tasks[index]!, link));
    for (let round = 0; round < 3; round++) for (const { answer } of serve()) answer();
    const served = serve();
    for (const [index, { path }] of served.entries()) program.call(tasks[index]!, `${path}.1`);
    program.host.pass(2000);
    for (const { answer } of served) answer();
    program.host.pass(10_000);
    for (const { path } of served) assert.equal(program.parentOf(`${path}.1`), path);
  });

  it("is nobody's where the first request of each connection has made a task for all of it", () => {
    const program = new AsyncioProgram();
    program.warm();
    const links = [1, 2, 3, 4, 5, 6, 7, 8].map(() => program.host.connect({ only: "server" }));
    const helpers = links.map((link) => {
      const { task, answer } = program.serve(undefined, link);
      const helper = program.make(task);
      answer();
      return helper;
    });
    for (let round = 0; round < 3; round++) {
      const served = links.map((link) => program.serve(undefined, link));
      if (round === 1) for (const [index, helper] of helpers.entries()) program.call(helper, `/helper${index}`);
      for (const { answer } of served) answer();
      program.host.pass(100);
    }
    program.host.pass(10_000);
    for (const index of helpers.keys()) assert.equal(program.parentOf(`/helper${index}`), undefined);
  });

  it("is nobody's where it is a task that lives on and calls again", () => {
    const program = new AsyncioProgram();
    program.warm();
    const one = program.serve();
    const poller = program.make(one.task, 0x6000);
    one.answer();
    for (let index = 0; index < 5; index++) {
      const beside = [program.serve(), program.serve()];
      program.call(poller, `/poll${index}`);
      for (const each of beside) each.answer();
      program.host.pass(1000);
    }
    program.host.pass(10_000);
    for (let index = 0; index < 5; index++) assert.equal(program.parentOf(`/poll${index}`), undefined);
  });

  it("is nobody's where a task that has called makes the next of its kind", () => {
    const program = new AsyncioProgram();
    program.warm();
    const [one, other] = [program.serve(), program.serve()];
    const fetch = program.make(one.task);
    program.call(fetch, "/own");
    // The other request's, which was queued.
    program.call(program.make(fetch), "/queued");
    one.answer();
    other.answer();
    program.host.pass(10_000);
    assert.equal(program.parentOf("/own"), one.path);
    assert.equal(program.parentOf("/queued"), undefined);
  });

  it("is nobody's in a process that was forked while it served", () => {
    const program = new AsyncioProgram();
    program.warm();
    const one = program.serve();
    const child = program.make(one.task);
    program.call(child, "/forked", TGID + 1);
    one.answer();
    program.host.pass(10_000);
    assert.equal(program.parentOf("/forked"), undefined);
  });

  it("is told by the task's generation, where another thread still sees the one before", () => {
    const program = new AsyncioProgram();
    program.warm();
    const [one, other] = [program.serve(), program.serve()];
    program.call({ ...one.task, creation: 0 }, "/unseen");
    program.call({ ...other.task, creation: 1 }, "/earlier");
    other.answer();
    one.answer();
    program.host.pass(10_000);
    assert.equal(program.parentOf("/unseen"), one.path);
    assert.equal(program.parentOf("/earlier"), other.path);
  });
});
