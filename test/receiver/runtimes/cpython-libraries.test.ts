import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { findCpython } from "../../../src/receiver/runtimes/cpython.ts";
import { findTypeFunction } from "../../../src/receiver/runtimes/cpython-types.ts";
import { findImage } from "../../../src/receiver/runtimes/images.ts";
import { isPlan } from "../../../src/receiver/runtimes/unit-plan.ts";
import { localProcess } from "../../support/local-process.ts";
import { needsPools, refined, withPython } from "../../support/python-process.ts";

const LIBRARY = `
import asyncio, sys, types
sys.modules["NAME"] = types.ModuleType("NAME")
print("up", flush=True)
sys.stdin.read()
`;

/** Tornado's client as far as it is read. */
const CLIENT = `
import asyncio, sys, types
def load(name, file, text):
    module = types.ModuleType(name)
    exec(compile(text, file, "exec"), module.__dict__)
    sys.modules[name] = module
load("tornado.httpclient", "/site-packages/tornado/httpclient.py", """
class AsyncHTTPClient:
    def fetch(self, request, raise_error=True):
        future = object()
        def handle_response(response):
            return raise_error, future
        return handle_response
""")
print("up", flush=True)
sys.stdin.readline()
load("tornado.simple_httpclient", "/site-packages/tornado/simple_httpclient.py", """
class _HTTPConnection:
    async def run(self):
        pass
""")
print("loaded", flush=True)
sys.stdin.read()
`;

describe("a type of CPython", function () {
  this.timeout(20_000);

  it("is looked for again where its library was just being loaded, and had no pointers yet", async function () {
    needsPools(this);
    await withPython("python3", LIBRARY.replaceAll("NAME", "any"), async (pid) => {
      const process = localProcess(pid);
      const image = (await findImage(process, /^_asyncio\S*\.so/)) ?? (await findImage(process, "executable"));
      assert.ok(image !== undefined);
      const wanted = { type: "_asyncio.Future", module: "_asyncio" };
      const isBeingLoaded = { ...process, memory: async (_: number, length: number) => new Uint8Array(length) };
      assert.equal(await findTypeFunction(isBeingLoaded, image, wanted), undefined);
      const found = await findTypeFunction(process, image, wanted);
      assert.ok(found !== undefined && found.offset > 0);
    });
  });
});

describe("CPython's libraries", function () {
  this.timeout(20_000);

  it("are told by what they load: Trio's contexts are seen made and freed, and who asks for room with Twisted's loop", async function () {
    needsPools(this);
    const contexts = ["python_context_copied", "python_context_freed"];
    const wanted: readonly (readonly [name: string, programs: readonly string[], putsOff: number])[] = [
      ["trio._core._run", contexts, 0],
      ["twisted.internet.reactor", [...contexts, "python_room_asked"], 1],
    ];
    for (const [name, programs, putsOff] of wanted) {
      await withPython("python3", LIBRARY.replaceAll("NAME", name), async (pid) => {
        const plan = await refined(pid);
        const told = plan.uprobes?.map(({ program }) => program) ?? [];
        assert.deepEqual(
          told.filter((program) => program !== "python_task" && program !== "python_submit"),
          programs,
        );
        assert.equal(plan.python?.putsOff, putsOff);
        assert.ok(plan.python!.siteHops.filter((hop) => hop >= 0).length >= 4);
        for (const { start, end, offset } of plan.uprobes!) assert.ok(end > start && offset > 0);
      });
    }
  });

  it("lead from Tornado's client to the future that its caller awaits, as soon as the first request has loaded it", async function () {
    needsPools(this);
    const python = spawn("python3", ["-c", CLIENT], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      await once(python.stdout, "data");
      const first = await findCpython(localProcess(python.pid!));
      assert.ok(first !== undefined && isPlan(first) && first.refine !== undefined);
      const early = await first.refine();
      assert.ok(isPlan(early) && early.python?.clients.length === 0);
      python.stdin.write("\n");
      await once(python.stdout, "data");
      const later = await findCpython(localProcess(python.pid!), early);
      assert.ok(later !== undefined && isPlan(later) && later.refine !== undefined);
      const plan = await later.refine();
      assert.ok(isPlan(plan) && plan.python !== undefined);
      // Instances have their attributes beside them, or in a dictionary of one of two sizes.
      assert.equal(plan.python.clients.length, 3);
      for (const { code, proof, hops, hopCount } of plan.python.clients) {
        assert.ok(code > 0 && proof > 0 && code !== proof);
        assert.equal(hops.length, hopCount);
        // `future` is the first of the function's free variables, whose closure is a tuple of cells.
        assert.deepEqual(hops.slice(-4), [72, 24, 16, 32]);
      }
    } finally {
      python.stdin.end();
      await once(python, "exit");
    }
  });
});
