import { SelfTestProcesses } from "../../../src/service/self-test/self-test-processes.ts";

describe("the self-test's processes", () => {
  it("make their exchange also where the start of everything else kept this process busy for longer", async () => {
    const processes = new SelfTestProcesses(2_000);
    try {
      // As loading BPF programs does on a busy host: no message is read and no timer runs meanwhile.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000);
      await processes.exchange();
    } finally {
      processes.end();
    }
  });
});
