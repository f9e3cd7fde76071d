import assert from "node:assert/strict";
import fc from "fast-check";
import { StageAccount } from "../../../src/mapping/account.ts";
import { LossAccounts } from "../../../src/receiver/socket-trace/loss-accounts.ts";

function accounts() {
  const ring = new StageAccount("ring", "event");
  const payload = new StageAccount("payload", "event");
  return { ring, payload, losses: new LossAccounts(ring, payload) };
}

describe("LossAccounts", () => {
  it("counts events that never came as lost, by reason, once", () => {
    const { ring, losses } = accounts();
    losses.received(10);
    losses.update([{ reason: "ring_full", count: 3 }]);
    losses.update([{ reason: "ring_full", count: 5 }]);
    losses.update([{ reason: "ring_full", count: 5 }]);
    assert.deepEqual([ring.in, ring.out, ring.lost.get("ring_full"), ring.held], [15, 10, 5, 0]);
  });

  it("counts events that there was no time left to read", () => {
    const { ring, losses } = accounts();
    losses.received(10);
    losses.cut(4);
    assert.deepEqual([ring.in, ring.out, ring.lost.get("shutdown"), ring.held], [14, 10, 4, 0]);
  });

  it("counts events without bytes in the account of the payload", () => {
    const { payload, losses } = accounts();
    losses.received(10);
    assert.equal(payload.held, 10, "not known until the counters were read");
    losses.update([{ reason: "user_fault", count: 2 }]);
    assert.deepEqual([payload.in, payload.out, payload.lost.get("user_fault"), payload.held], [10, 8, 2, 0]);
  });

  it("keeps calls that were dropped on purpose apart from losses", () => {
    const { ring, losses } = accounts();
    losses.update([{ reason: "consumed_drop", count: 4 }]);
    assert.equal(ring.consumed.get("drop"), 4);
    assert.equal(ring.lost.size, 0);
  });

  it("balances whatever comes", () => {
    const step = fc.record({ events: fc.nat(50), full: fc.nat(5), fault: fc.nat(5), drop: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const { ring, payload, losses } = accounts();
        const totals = { ring_full: 0, user_fault: 0, consumed_drop: 0 };
        for (const { events, full, fault, drop } of steps) {
          losses.received(events);
          totals.ring_full += full;
          totals.user_fault += Math.min(fault, events);
          totals.consumed_drop += drop;
          losses.update(Object.entries(totals).map(([reason, count]) => ({ reason, count })));
        }
        assert.deepEqual([ring.held, payload.held], [0, 0]);
      }),
    );
  });
});
