/** Capture that is paused, because user space is behind: calls make no events, are counted, and leave a gap that shows. */
import assert from "node:assert/strict";
import { HookSet } from "../../../src/bpf/feature.ts";
import { Direction, VerdictAction } from "../../../src/bpf/layout.gen.ts";
import { mapArray } from "../../../src/bpf/mapped-array.ts";
import { KernelCapture } from "./support/kernel-capture.ts";
import { runPythonAround } from "./support/python.ts";

const TCP_SYN_SENT = 2;
const TCP_CLOSE = 7;

const numbered = (from: number, to: number) => `for i in range(${from}, ${to}): c.sendall(b'%d' % i); s.recv(1)`;

for (const set of [HookSet.a, HookSet.c]) {
  describe(`capture that is paused, with hook set ${set}`, function () {
    this.timeout(60_000);
    let capture: KernelCapture;
    let pause: Uint8Array;

    beforeEach(() => {
      capture = new KernelCapture({ sends: set, receives: set });
      pause = mapArray(capture.map("capture_pause").descriptor).bytes;
    });
    afterEach(() => capture[Symbol.dispose]());

    it("tells no call, counts each, and goes on with the right offset and number", async () => {
      const { tgid } = await runPythonAround(
        `c, s = pair()\n${numbered(0, 2)}`,
        `${numbered(2, 5)}\npause()\n${numbered(5, 7)}`,
        () => {
          pause[0] = 1;
        },
        () => {
          pause[0] = 0;
        },
      );
      for (const direction of [Direction.egress, Direction.ingress]) {
        assert.deepEqual(
          capture.dataOf(tgid, direction).map((event) => [`${event.bytes}`, event.streamOffset, event.eventNumber]),
          [
            ["0", 0, 0],
            ["1", 1, 1],
            ["5", 5, 5],
            ["6", 6, 6],
          ],
        );
      }
      assert.ok(capture.lost("overload") >= 6);
    });

    it("tells of connections that open and end, and of processes", async () => {
      pause[0] = 1;
      const { tgid } = await runPythonAround("c, s = pair()", "c.close(); s.close(); time.sleep(0.05)", () => {});
      assert.equal(capture.dataOf(tgid).length, 0);
      assert.ok(capture.processes.some(({ header }) => header.tgid === tgid));
      const connecting = capture.states.find(
        ({ header, newState }) => header.tgid === tgid && newState === TCP_SYN_SENT,
      );
      const states = capture.states.filter(({ socketCookie }) => socketCookie === connecting?.socketCookie);
      assert.deepEqual([states[0]?.newState, states.at(-1)?.newState], [TCP_SYN_SENT, TCP_CLOSE]);
    });

    it("counts what a verdict leaves out as left out", async () => {
      const { tgid } = await runPythonAround(
        `c, s = pair()\n${numbered(0, 1)}`,
        `${numbered(1, 9)}\npause()\n${numbered(9, 10)}`,
        (child) => {
          const [first] = capture.dataOf(child).filter((event) => event.bytes.toString() === "0");
          const places = { skipUntilEgress: 6, skipUntilIngress: 6 };
          capture.setVerdict(first!.socketCookie, { action: VerdictAction.prefix, serial: 1, ...places });
          pause[0] = 1;
        },
        () => {
          pause[0] = 0;
        },
      );
      // The call that has the last byte before the offset is told, when it is told.
      assert.deepEqual(
        capture.dataOf(tgid, Direction.egress).map((event) => [`${event.bytes}`, event.eventNumber]),
        [
          ["0", 0],
          ["9", 5],
        ],
      );
      assert.ok(capture.lost("consumed_skip") >= 4);
    });
  });
}
