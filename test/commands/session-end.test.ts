import assert from "node:assert/strict";
import { EndRequests, SessionEnd, StopOrder } from "../../src/commands/session-end.ts";

describe("the end of a session", () => {
  const endOf = (...asked: SessionEnd[]) => {
    const requests = new EndRequests();
    for (const end of asked) requests.ask(end);
    return requests.end;
  };

  it("is what was asked for, and over is stronger than anew", () => {
    const { done, failed, reload } = SessionEnd;
    assert.equal(endOf(), undefined);
    assert.equal(endOf(reload), reload);
    assert.equal(endOf(reload, done), done);
    assert.equal(endOf(done, reload), done);
    assert.equal(endOf(failed, done), failed);
    assert.equal(endOf(failed, reload), failed);
    assert.equal(endOf(done, failed), done);
    assert.equal(endOf(reload, failed), reload, "the old configuration's failure does not matter any more");
  });

  it("is a failure when what it was for can't be had, also after it was told to end", () => {
    const requests = new EndRequests();
    requests.ask(SessionEnd.done);
    requests.fail();
    requests.ask(SessionEnd.done);
    assert.equal(requests.end, SessionEnd.failed);
  });

  it("is forced by the second signal, whatever else had begun it", () => {
    const { drain, goOnDraining, force } = StopOrder;
    const signals = (...before: SessionEnd[]) => {
      const requests = new EndRequests();
      for (const end of before) requests.ask(end);
      return [requests.stopSignal(), requests.stopSignal(), requests.end];
    };
    assert.deepEqual(signals(), [drain, force, SessionEnd.done]);
    assert.deepEqual(signals(SessionEnd.reload), [drain, force, SessionEnd.done]);
    assert.deepEqual(signals(SessionEnd.done), [goOnDraining, force, SessionEnd.done]);
  });
});
