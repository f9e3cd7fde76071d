import assert from "node:assert/strict";
import { FirstWatch } from "../../../src/receiver/runtimes/first-watch.ts";
import { eventually } from "../../support/eventually.ts";

describe("what is watched before a process's first request", () => {
  let said: string[];
  const watch = (tgid: number, what: string, isOn: boolean): void => {
    said.push(`${tgid} ${what} ${isOn ? "on" : "off"}`);
  };

  beforeEach(() => {
    said = [];
  });

  it("are async functions of Node until no request has come for long; what Go's goroutines hand over as long as they need it", async () => {
    const first = new FirstWatch(watch, 1);
    for (const what of ["jobs", "handovers"] as const) first.begin(5, what);
    first.begin(5, "handovers");
    await eventually(() => said.length > 3);
    first.stop();
    assert.deepEqual(said, ["5 jobs on", "5 handovers on", "5 handovers on", "5 handovers off"]);
  });

  it("stays where a request has come, or the process is gone", async () => {
    const first = new FirstWatch(watch, 1);
    first.begin(5, "handovers");
    first.isOver(5);
    first.begin(6, "handovers");
    await eventually(() => said.includes("6 handovers off"));
    first.stop();
    assert.deepEqual(said, ["5 handovers on", "6 handovers on", "6 handovers off"]);
  });
});
