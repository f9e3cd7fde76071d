import assert from "node:assert/strict";
import { Backoff } from "../../../src/exporter/queue/backoff.ts";
import { retryOnFailure } from "../../../src/exporter/settings/retry-on-failure.ts";

const defaults = retryOnFailure.parse({});
const noSpread = () => 0.5;

describe("Backoff", () => {
  it("grows from initial_interval to max_interval by the multiplier", () => {
    const backoff = new Backoff(defaults, noSpread);
    const delays = Array.from({ length: 7 }, () => backoff.next(0, undefined));
    assert.deepEqual(delays, [5_000, 7_500, 11_250, 16_875, 25_312.5, 30_000, 30_000]);
  });

  it("spreads by the randomization factor", () => {
    assert.equal(new Backoff(defaults, () => 0).next(0, undefined), 2_500);
    assert.equal(new Backoff(defaults, () => 1).next(0, undefined), 7_500);
  });

  it("never undercuts the server's delay", () => {
    assert.equal(new Backoff(defaults, noSpread).next(0, 12_000), 12_000);
    assert.equal(new Backoff(defaults, noSpread).next(0, 1_000), 5_000);
  });

  it("ends when the next attempt would be later than max_elapsed_time", () => {
    const backoff = new Backoff(defaults, noSpread);
    assert.equal(backoff.next(290_000, undefined), 5_000);
    assert.equal(backoff.next(295_000, undefined), undefined);
  });

  it("never ends when max_elapsed_time is 0", () => {
    const backoff = new Backoff(retryOnFailure.parse({ max_elapsed_time: 0 }), noSpread);
    assert.equal(backoff.next(1e12, undefined), 5_000);
  });

  it("does not retry when it is not enabled", () => {
    assert.equal(new Backoff(retryOnFailure.parse({ enabled: false }), noSpread).next(0, undefined), undefined);
  });
});
