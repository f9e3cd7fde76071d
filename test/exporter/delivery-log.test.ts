import assert from "node:assert/strict";
import { DeliveryLog } from "../../src/exporter/delivery-log.ts";
import { RecordingLog } from "../support/recording-log.ts";

describe("delivery log", () => {
  const lossesOf = (log: RecordingLog) =>
    log.records
      .filter(({ message }) => message === "spans lost")
      .map(({ fields }) => [fields["reason"], fields["spans"]]);

  it("says the first loss at once, and the sum of the others at the end", () => {
    const log = new RecordingLog();
    const delivery = new DeliveryLog(log, () => 0);
    for (const items of [1, 2, 3]) delivery.dropped("shutdown", items);
    delivery.dropped("queue_full", 4);
    const atOnce = [
      ["shutdown", 1],
      ["queue_full", 4],
    ];
    assert.deepEqual(lossesOf(log), atOnce);
    delivery.end();
    assert.deepEqual(lossesOf(log), [...atOnce, ["shutdown", 5]]);
    delivery.end();
    assert.equal(lossesOf(log).length, 3);
  });

  it("says the sum of a burst also when nothing is lost after it", async () => {
    const log = new RecordingLog();
    const delivery = new DeliveryLog(log, () => 0, "spans", 10);
    for (const items of [1, 2, 3]) delivery.dropped("queue_full", items);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(lossesOf(log), [
      ["queue_full", 1],
      ["queue_full", 5],
    ]);
    delivery.end();
  });
});
