import assert from "node:assert/strict";
import { Calm } from "../../../src/receiver/socket-trace/calm.ts";

describe("Calm", () => {
  let told: boolean[];
  let calm: Calm;

  beforeEach(() => {
    told = [];
    calm = new Calm((isOverloaded) => told.push(isOverloaded));
  });

  it("tells of an overload at once, and of its end when it has been over for a while", () => {
    calm.overloaded();
    assert.deepEqual(told, [true]);
    calm.caughtUp(500);
    calm.advance(10_499);
    assert.deepEqual(told, [true]);
    calm.advance(10_500);
    calm.advance(30_000);
    assert.deepEqual(told, [true, false]);
  });

  it("takes overloads that follow each other for one", () => {
    calm.overloaded();
    calm.caughtUp(0);
    calm.advance(5_000);
    calm.overloaded();
    calm.advance(60_000);
    assert.deepEqual(told, [true], "it lasts until it is said to be over");
    calm.caughtUp(60_000);
    calm.advance(70_000);
    calm.overloaded();
    assert.deepEqual(told, [true, false, true]);
  });
});
