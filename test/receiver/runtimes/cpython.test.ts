import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { UnitKind } from "../../../src/bpf/layout.gen.ts";
import { findCpython } from "../../../src/receiver/runtimes/cpython.ts";
import { isPlan, type UnitPlan } from "../../../src/receiver/runtimes/unit-plan.ts";
import { localProcess } from "../../support/local-process.ts";
import { needsPools, refined, withPython } from "../../support/python-process.ts";
import { skip } from "../../support/skip.ts";

const PROGRAM = `
import asyncio, concurrent.futures.thread, os, sys
child = os.fork()
if child:
    print(child, flush=True)
sys.stdin.read()
`;

/** anyio's pool as far as it shows, loaded and not used yet: its loop is known by its class, method, file and local variable. */
const ANYIO = `
import asyncio, sys, types, threading
module = types.ModuleType("anyio._backends._asyncio")
exec(compile("""
from threading import Thread
class WorkerThread(Thread):
    def run(self):
        while True:
            item = self.queue.get()
            context, func, args, future, cancel_scope = item
            context.run(func, *args)
            del item, context, func, args, future, cancel_scope
""", "/site-packages/anyio/_backends/_asyncio.py", "exec"), module.__dict__)
sys.modules[module.__name__] = module
print("up", flush=True)
sys.stdin.readline()
import contextvars, queue
worker = module.WorkerThread(daemon=True)
worker.queue = queue.Queue()
worker.queue.put((contextvars.copy_context(), lambda: (print("busy", flush=True), threading.Event().wait()), (), None, None))
worker.start()
sys.stdin.read()
`;

/** The same, whose pool is loaded by the first request that needs it. */
const ANYIO_LATER = ANYIO.replace("import asyncio, sys", "import asyncio, concurrent.futures.thread, sys").replace(
  "sys.modules[module.__name__] = module",
  "",
);

/** Once a thread of a pool has its frames. */
async function seenPools(pid: number): Promise<UnitPlan["pools"]> {
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline) {
    const seen = await findCpython(localProcess(pid));
    assert.ok(seen !== undefined && isPlan(seen));
    if (seen.pools !== undefined) return seen.pools;
  }
  return undefined;
}

describe("CPython's makers", function () {
  this.timeout(20_000);

  it("are found before there is a pool, and are the same in a fork", async function () {
    needsPools(this);
    const python = spawn("python3", ["-c", PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      const [printed] = await once(python.stdout, "data");
      const plan = await refined(python.pid!);
      const names = plan.uprobes?.map(({ program }) => program);
      assert.deepEqual(names, ["python_task", "python_submit"]);
      assert.ok(plan.python !== undefined && plan.python.workItemType > 0 && plan.python.functionType > 0);
      // ThreadPoolExecutor's, and anyio's by the name of its loop.
      assert.equal(plan.pools?.length, 2);
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

describe("CPython's pools", function () {
  this.timeout(20_000);

  it("of anyio are known, with the way to the task, before the first request makes a thread", async function () {
    needsPools(this);
    const python = spawn("python3", ["-c", ANYIO], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      await once(python.stdout, "data");
      const plan = await refined(python.pid!);
      const awaited = plan.pools?.filter(({ hopCount }) => hopCount > 0) ?? [];
      assert.equal(awaited.length, 1);
      assert.equal(plan.wakes, undefined);
      python.stdin.write("\n");
      await once(python.stdout, "data");
      // What was computed is what a thread shows.
      assert.deepEqual(await seenPools(python.pid!), awaited);
      assert.deepEqual((await plan.lookAgain?.())?.pools, plan.pools);
    } finally {
      python.stdin.end();
      await once(python, "exit");
    }
  });

  it("of anyio are known by the name of their loop before that is loaded", async function () {
    needsPools(this);
    const python = spawn("python3", ["-c", ANYIO_LATER], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      await once(python.stdout, "data");
      const plan = await refined(python.pid!);
      const byName = plan.pools?.filter(({ hopCount }) => hopCount > 0) ?? [];
      assert.deepEqual(
        byName.map(({ name }) => Buffer.from(Uint32Array.from(name).buffer).toString()),
        ["WorkerThread.run"],
      );
      assert.ok(byName[0]!.proof > 0);
      python.stdin.write("\n");
      await once(python.stdout, "data");
      // What was foretold is what a thread shows; the code of its loop is known from then on.
      const awaited = (await seenPools(python.pid!))?.filter(({ hopCount }) => hopCount > 0) ?? [];
      const { code, nameText, name, ...place } = byName[0]!;
      assert.equal(awaited.length, 1);
      assert.notEqual(awaited[0]!.code, code);
      assert.deepEqual(awaited, [{ ...place, code: awaited[0]!.code, name: [], nameText: 0 }]);
      assert.ok(nameText > 0 && name.length > 0);
    } finally {
      python.stdin.end();
      await once(python, "exit");
    }
  });
});

/** A thread for each connection, before there is a connection. */
const THREADS = `
import socketserver, sys
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(1)
server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
`;

const GREENLETS = `
import gevent, sys
gevent.spawn(gevent.sleep, 0).join()
print("up", flush=True)
sys.stdin.read()
`;

/** A pool whose threads are greenlets. */
const PATCHED = `
import gevent.monkey
gevent.monkey.patch_all()
import os, queue, sys
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(2)
pool.submit(int).result()
put = queue.SimpleQueue.__dict__["put"]
print("append" if hasattr(put, "__code__") and put.__code__.co_filename.endswith("queue.py") and "Py" in queue.SimpleQueue.__name__ else "put", flush=True)
sys.stdin.read()
`;

/** The same before it loads its application. */
const PATCHED_LATER = `
import gevent.monkey
gevent.monkey.patch_all()
import gevent, sys
gevent.sleep(0)
print("up", flush=True)
sys.stdin.read()
`;

/** With gevent on greenlet 2.0 or later. */
function pythonsWithGevent(): readonly string[] {
  const own = process.env["SOCKSPAN_TRUTH_PYTHON"];
  return ["python3", "/usr/bin/python3", ...(own === undefined ? [] : [own])].filter((python) => {
    const { status, stdout } = spawnSync(python, ["-c", "import greenlet, gevent; print(greenlet.__version__)"]);
    return status === 0 && !String(stdout).startsWith("1.");
  });
}

describe("CPython's threads for connections", () => {
  it("are known before there is one", async function () {
    needsPools(this);
    const python = spawn("python3", ["-c", THREADS], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      const [port] = await once(python.stdout, "data");
      const plan = await refined(python.pid!);
      assert.equal(plan.pools?.length, 1);
      const client = connect(Number(String(port)), "127.0.0.1");
      await once(client, "connect");
      // What was computed is what a thread shows.
      const seen = await seenPools(python.pid!);
      client.destroy();
      assert.deepEqual(seen, plan.pools);
    } finally {
      python.kill();
      await once(python, "exit");
    }
  });
});

describe("CPython's greenlets", function () {
  this.timeout(20_000);

  it("are read from greenlet's state of the thread, and seen made", async function () {
    const [interpreter] = pythonsWithGevent();
    if (interpreter === undefined) skip(this, "no gevent with greenlet 2.0 or later here");
    await withPython(interpreter!, GREENLETS, async (pid) => {
      const plan = await findCpython(localProcess(pid));
      assert.ok(plan !== undefined && isPlan(plan), JSON.stringify(plan));
      assert.equal(plan.unitKind, UnitKind.greenlet);
      assert.equal(plan.steps.at(-1)?.step, "greenlet");
      assert.deepEqual(
        plan.uprobes?.map(({ program }) => program),
        ["python_greenlet"],
      );
      assert.ok(plan.python !== undefined && plan.python.functionType > 0);
      assert.equal(plan.limit, undefined);
    });
  });

  it("are looked at again where no pool was loaded yet, as in a server's worker that has just been forked", async function () {
    const [interpreter] = pythonsWithGevent();
    if (interpreter === undefined) skip(this, "no gevent with greenlet 2.0 or later here");
    await withPython(interpreter!, PATCHED_LATER, async (pid) => {
      const early = await refined(pid);
      assert.equal(early.pools, undefined);
      assert.equal(early.isFinal, false);
      const inherited = await early.forFork?.(localProcess(pid));
      assert.equal(inherited?.isFinal, false);
    });
  });

  it("do the jobs of a pool whose queue gevent has replaced", async function () {
    const interpreters = pythonsWithGevent();
    if (interpreters.length === 0) skip(this, "no gevent with greenlet 2.0 or later here");
    for (const interpreter of interpreters) {
      await withPython(interpreter, PATCHED, async (pid, put) => {
        const plan = await refined(pid);
        assert.equal(plan.unitKind, UnitKind.greenlet);
        assert.deepEqual(
          plan.steps.map(({ step }) => step).filter((step) => step === "greenlet" || step === "pool_job"),
          ["greenlet", "pool_job"],
        );
        assert.deepEqual(
          plan.uprobes?.map(({ program }) => program),
          ["python_greenlet", `python_${put === "append" ? "append" : "submit"}`],
        );
        assert.equal(plan.pools?.length, 1);
        assert.ok(plan.python !== undefined && plan.python.workItemType > 0 && plan.python.functionType > 0);
        assert.equal(plan.wakes, undefined);
        // What has been found is not looked for again.
        assert.equal(await findCpython(localProcess(pid), plan), plan);
      });
    }
  });
});
