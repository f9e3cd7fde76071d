/** What the programs are told: verdicts, exclusions, scope, the ring's size. And what they say of processes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { HookSet } from "../../../src/bpf/feature.ts";
import {
  Direction,
  ProcessAction,
  ProcessFilter,
  ScopeKind,
  SocketRole,
  UnitEdge,
  VerdictAction,
  VerdictFlags,
} from "../../../src/bpf/layout.gen.ts";
import { KernelCapture } from "./support/kernel-capture.ts";
import { runPython, runPythonAround } from "./support/python.ts";

const SETS = { sends: HookSet.a, receives: HookSet.a };
const TCP_ESTABLISHED = 1;
const TCP_SYN_SENT = 2;
const TCP_CLOSE = 7;

describe("what the capture programs are told", () => {
  let capture: KernelCapture | undefined;

  function start(settings: Partial<ConstructorParameters<typeof KernelCapture>[0]> = {}): KernelCapture {
    capture = new KernelCapture({ ...SETS, ...settings });
    return capture;
  }

  afterEach(() => {
    capture?.[Symbol.dispose]();
    capture = undefined;
  });

  it("drops what a verdict drops, for so many calls", async () => {
    const capture = start();
    const { tgid } = await runPythonAround(
      "c, s = pair()\nc.sendall(b'0'); s.recv(1)",
      "for i in range(1, 7): c.sendall(b'%d' % i); s.recv(1)",
      (child) => {
        const [first] = capture.dataOf(child).filter((event) => event.bytes.toString() === "0");
        capture.setVerdict(first!.socketCookie, { action: VerdictAction.drop, dropCalls: 4, serial: 1 });
      },
    );
    const sent = capture.dataOf(tgid, Direction.egress);
    assert.deepEqual(
      sent.map((event) => event.bytes.toString()),
      ["0", "5", "6"],
    );
    assert.deepEqual(
      sent.map((event) => event.eventNumber),
      [0, 1, 2],
      "suppressed calls have no number",
    );
    assert.equal(capture.lost("consumed_drop"), 4);
  });

  it("copies as much of a call as a verdict says, in as many events as that takes", async () => {
    const capture = start();
    const { tgid } = await runPythonAround(
      "c, s = pair()\nc.sendall(b'0'); s.recv(1)",
      "c.sendall(b''.join(b'%07d,' % i for i in range(10000)))\nleft = 80000\nwhile left: left -= len(s.recv(50000))",
      (child) => {
        for (const { socketCookie } of capture.dataOf(child)) {
          capture.setVerdict(socketCookie, { action: VerdictAction.all, limit: 65_536 });
        }
      },
    );
    const numbers = Array.from({ length: 10_000 }, (_, i) => `${i},`.padStart(8, "0")).join("");
    for (const direction of [Direction.egress, Direction.ingress]) {
      const events = capture.dataOf(tgid, direction).slice(1);
      let next = 1;
      for (const event of events) {
        assert.equal(event.streamOffset, next);
        const text = event.bytes.toString("latin1");
        assert.equal(text, numbers.slice(next - 1, next - 1 + text.length));
        next += event.callLength;
      }
      assert.equal(next, 80_001);
      const copied = events.reduce((sum, { bytes }) => sum + bytes.length, 0);
      if (direction === Direction.egress) assert.equal(copied, 65_536, "one call");
      else assert.ok(copied >= 65_536, `${copied} bytes of several calls`);
    }
  });

  it("ends a drop when the direction changes, if the verdict says so", async () => {
    const capture = start();
    const { tgid } = await runPythonAround(
      "c, s = pair()\nc.sendall(b'0'); s.recv(1)",
      "for i in range(3): c.sendall(b'x'); s.recv(1)\ns.sendall(b'answer'); c.recv(9); c.sendall(b'more')",
      (child) => {
        const [first] = capture.dataOf(child).filter((event) => event.bytes.toString() === "0");
        capture.setVerdict(first!.socketCookie, {
          action: VerdictAction.drop,
          dropCalls: 1000,
          flags: VerdictFlags.untilTurn,
        });
      },
    );
    const client = capture.dataOf(tgid).filter((event) => event.role === 1);
    assert.deepEqual(
      client.map((event) => event.bytes.toString()),
      ["0", "answer", "more"],
    );
  });

  it("copies a prefix, everything, or lengths, from an offset on", async () => {
    const capture = start({ conf: { defaultLimit: 3 } });
    const { tgid } = await runPythonAround(
      "c, s = pair()\nc.sendall(b'first')",
      "c.sendall(b'second'); c.sendall(b'third'); c.sendmsg([b'fo', b'urth'])",
      (child) => {
        const [first] = capture.dataOf(child).filter((event) => event.bytes.toString() === "fir");
        capture.setVerdict(first!.socketCookie, { action: VerdictAction.all, skipUntilEgress: 5 + 6 + 5 + 3 });
      },
    );
    const sent = capture.dataOf(tgid, Direction.egress);
    assert.deepEqual(
      sent.map((event) => [event.streamOffset, event.callLength, event.bytes.toString()]),
      [
        [0, 5, "fir"],
        [19, 3, "rth"],
      ],
    );
    assert.equal(capture.lost("consumed_skip"), 2);
  });

  it("leaves out an excluded process and what it forks", async () => {
    const capture = start();
    const talk = "c, s = pair()\nc.sendall(b'secret'); s.recv(9)";
    const { tgid, out } = await runPythonAround(
      talk,
      `${talk}\nout['child'] = os.fork()\nif not out['child']:\n    exec(${JSON.stringify(talk.replace("\n", "; "))})\n    os._exit(0)\nos.wait()`,
      (child) => {
        const [first] = capture.dataOf(child).filter((event) => event.bytes.toString() === "secret");
        capture.setProcess(first!.header.tgid, ProcessFilter.excludeTree);
      },
    );
    assert.equal(capture.dataOf(tgid).length, 2, "only what came before the exclusion");
    assert.equal(capture.dataOf(Number(out["child"])).length, 0);
    assert.ok(capture.lost("consumed_excluded") > 0);
  });

  it("counts what finds no room in the ring, and shows it in event numbers", async () => {
    const capture = start({ ringSizeBytes: 65536 });
    const { tgid } = await runPythonAround(
      "c, s = pair()",
      "for i in range(600): c.sendall(b'z' * 200); s.recv(200)\npause()\nc.sendall(b'last')",
      () => {},
      () => capture.drain(),
    );
    const sent = capture.dataOf(tgid, Direction.egress);
    const last = sent.at(-1)!;
    assert.equal(last.bytes.toString(), "last");
    assert.equal(last.eventNumber, 600);
    assert.ok(sent.length < 500);
    assert.ok(capture.lost("ring_full") >= 600 - sent.length);
  });

  it("sees only its own pid namespace, and with its own numbers", () => {
    const { tgid } = runPython("pass");
    const { dev, ino } = statSync("/proc/self/ns/pid");
    const capture = start({
      conf: { scope: ScopeKind.pidNamespace, pidNamespaceDevice: dev, pidNamespaceInode: ino },
    });
    const talk = "c, s = pair()\nc.sendall(b'in scope'); s.recv(9)\nout['pid'] = os.getpid()";
    const inside = runPython(talk);
    const outside = runPython(talk.replace("in scope", "elsewhere"), ["unshare", "--pid", "--fork", "--mount-proc"]);
    assert.deepEqual(
      capture.dataOf(inside.tgid).map((event) => event.bytes.toString()),
      ["in scope", "in scope"],
    );
    assert.equal(outside.out["pid"], 1);
    assert.equal(capture.data.filter((event) => event.bytes.toString() === "elsewhere").length, 0);
    assert.ok(tgid > 0);
  });

  it("tells fork, exec with its words, and exit of processes, not of threads", () => {
    const capture = start();
    const parent = runPython("threaded(lambda: None).join()");
    const { pid } = spawnSync("/bin/echo", ["one", "two words"]);
    const of = (tgid: number) => capture.drain().processes.filter((event) => event.header.tgid === tgid);
    assert.deepEqual(
      of(pid).map((event) => event.action),
      [ProcessAction.fork, ProcessAction.exec, ProcessAction.exit],
    );
    const [fork, exec] = of(pid);
    assert.equal(fork!.parentTgid, process.pid);
    assert.match(exec!.filename, /\/bin\/echo$/);
    assert.deepEqual(exec!.argv, ["/bin/echo", "one", "two words"]);
    assert.equal(new Set(of(pid).map((event) => event.startTimeNs)).size, 1);
    const actions = of(parent.tgid).map((event) => event.action);
    assert.equal(actions.filter((action) => action === ProcessAction.exit).length, 1);
    assert.equal(actions.filter((action) => action === ProcessAction.fork).length, 1);
  });

  it("tells which thread has created which, and when one ends before its process", () => {
    const capture = start();
    const { tgid, out } = runPython(
      "threaded(lambda: out.update(inner=threading.get_native_id())).join(); time.sleep(0.05)",
    );
    const edges = capture.drain().edges.filter((event) => event.header.tgid === tgid);
    assert.deepEqual(
      edges.map(({ edge, header, toId }) => [edge, header.pid, toId]),
      [
        [UnitEdge.createsThread, tgid, out["inner"]],
        [UnitEdge.threadEnds, out["inner"], out["inner"]],
      ],
    );
  });

  it("tells when a connection opens and ends, with the ids of its data", () => {
    const capture = start();
    const { tgid } = runPython("c, s = pair()\nc.sendall(b'x'); s.recv(1); c.close(); s.close(); time.sleep(0.05)");
    const ids = new Set(capture.dataOf(tgid).map((event) => event.socketCookie));
    assert.equal(ids.size, 2);
    for (const id of ids) {
      const states = capture.states.filter((event) => event.socketCookie === id);
      const data = capture.dataOf(tgid).find((event) => event.socketCookie === id)!;
      const connecting = states.filter(({ newState }) => newState === TCP_SYN_SENT);
      assert.equal(connecting.length, data.role === SocketRole.client ? 1 : 0);
      for (const state of connecting) assert.equal(state.header.tgid, tgid, "who connects is told");
      const open = states.slice(connecting.length);
      assert.equal(open[0]?.newState, TCP_ESTABLISHED);
      assert.equal(open.at(-1)?.newState, TCP_CLOSE);
      for (const state of open) {
        assert.equal(state.role, data.role);
        assert.equal(state.localFirstSequence, data.localFirstSequence);
        assert.equal(state.remoteFirstSequence, data.remoteFirstSequence);
      }
    }
  });
});
