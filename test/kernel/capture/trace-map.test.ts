/** trace_map: which request a unit is serving, kept by the programs alone. */
import assert from "node:assert/strict";
import { HookSet } from "../../../src/bpf/feature.ts";
import { Direction, SocketRole, UnitKind } from "../../../src/bpf/layout.gen.ts";
import { KernelCapture } from "./support/kernel-capture.ts";
import { runPythonAround } from "./support/python.ts";

const PROCESS = 0xff;
const SETS: readonly HookSet[] = [HookSet.a, HookSet.c];

describe("trace_map", () => {
  for (const set of SETS) {
    describe(`with hook set ${set}`, () => {
      let capture: KernelCapture;

      beforeEach(() => {
        capture = new KernelCapture({ sends: set, receives: set, conf: { traceRequests: 1 } });
      });
      afterEach(() => capture[Symbol.dispose]());

      const served = (tgid: number, pid = tgid) => capture.traceRequest(tgid, UnitKind.none, pid);
      const open = (tgid: number) => capture.traceRequest(tgid, PROCESS, 0)?.open;
      const serverOf = (tgid: number) =>
        capture
          .dataOf(tgid, Direction.ingress)
          .filter((event) => event.role === SocketRole.server)
          .at(-1)!;

      it("names the request that a thread has read last, and says when it was answered", async () => {
        let tgid = 0;
        await runPythonAround(
          "c, s = pair()\nc.sendall(b'first'); s.recv(2); s.recv(9)",
          "s.sendall(b'answer')\npause()\nc.recv(9); c.sendall(b'second'); s.recv(9)\npause()",
          (child) => {
            const server = capture.dataOf(child).findLast((event) => event.bytes.toString() === "rst")!;
            tgid = server.header.tgid;
            const request = served(tgid)!;
            assert.equal(request.socketCookie, server.socketCookie);
            assert.deepEqual([request.streamOffset, request.answeredNs, open(tgid)], [0, 0, 1]);
            assert.equal(request.localFirstSequence, server.localFirstSequence);
          },
          () => {
            assert.ok(served(tgid)!.answeredNs > served(tgid)!.readNs);
            assert.equal(open(tgid), 0);
          },
          () => {
            assert.deepEqual([served(tgid)!.streamOffset, served(tgid)!.answeredNs, open(tgid)], [5, 0, 1]);
            assert.equal(serverOf(tgid).bytes.toString(), "second");
          },
        );
        assert.equal(served(tgid), undefined, "the thread is gone");
        assert.equal(open(tgid), undefined, "the process is gone");
      });

      it("tells threads apart, and counts what the process has open until a connection ends", async () => {
        let tgid = 0;
        await runPythonAround(
          "a, b = pair(), pair()\n" +
            "def serve(s): s.recv(9); stop.wait()\n" +
            "stop = threading.Event()\n" +
            "t = [threaded(serve, a[1]), threaded(serve, b[1])]\n" +
            "a[0].sendall(b'one'); b[0].sendall(b'two'); time.sleep(0.2)",
          "a[0].close(); a[1].close(); time.sleep(0.2)\npause()\nstop.set(); [x.join() for x in t]\npause()",
          (child) => {
            const reads = capture.dataOf(child).filter((event) => /^(one|two)$/.test(event.bytes.toString()));
            const servers = reads.filter((event) => event.role === SocketRole.server);
            tgid = servers[0]!.header.tgid;
            assert.equal(servers.length, 2);
            for (const { header, socketCookie } of servers) {
              assert.equal(served(tgid, header.pid)?.socketCookie, socketCookie);
            }
            assert.equal(open(tgid), 2);
          },
          () => assert.equal(open(tgid), 1),
          () => {
            for (const { header } of capture.dataOf(tgid, Direction.ingress)) {
              if (header.pid !== tgid) assert.equal(served(tgid, header.pid), undefined);
            }
          },
        );
      });
    });
  }

  it("is not kept unless somebody wants it", async () => {
    using capture = new KernelCapture({ sends: HookSet.a, receives: HookSet.a });
    await runPythonAround("c, s = pair()\nc.sendall(b'first'); s.recv(9)", "pass", (child) => {
      const { header } = capture.dataOf(child).findLast((event) => event.role === SocketRole.server)!;
      assert.equal(capture.traceRequest(header.tgid, UnitKind.none, header.pid), undefined);
    });
  });
});
