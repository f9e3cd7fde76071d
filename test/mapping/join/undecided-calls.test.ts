import { deepEqual, equal } from "node:assert/strict";
import { decide } from "../../../src/mapping/join/trace-graph.ts";
import { TraceNode } from "../../../src/mapping/join/trace-node.ts";
import { UndecidedCalls } from "../../../src/mapping/join/undecided-calls.ts";
import { meta } from "../../support/meta.ts";

const HELD = 1000;

function callAt(order: number): TraceNode {
  return new TraceNode(false, { a: order, b: 0, c: 0, d: 0 }, meta(order), undefined, {}, undefined);
}

describe("calls without a parent yet", () => {
  it("are given up when no open request is older, and only then", () => {
    const undecided = new UndecidedCalls();
    const calls = [1, 2, 3].map(callAt);
    for (const call of calls) undecided.push(call);
    undecided.giveUpBefore(2, true);
    deepEqual(
      calls.map((call) => call.isDecided),
      [true, true, false],
    );
    deepEqual([...undecided], [calls[2]]);
  });

  it("wait where something holds them, and are given up after that", () => {
    const undecided = new UndecidedCalls();
    const calls = Array.from({ length: HELD }, (_, index) => callAt(index));
    for (const call of calls) {
      call.isHeld = true;
      undecided.push(call);
    }
    undecided.giveUpBefore(Number.POSITIVE_INFINITY, false);
    equal(calls.filter((call) => call.isDecided).length, 0);
    deepEqual([...undecided], []);
    for (const call of calls) call.isHeld = false;
    for (let answer = 0; answer <= HELD; answer++) undecided.giveUpBefore(Number.POSITIVE_INFINITY, false);
    equal(calls.filter((call) => call.isDecided).length, HELD);
  });

  it("cost an answer the same, however many are held", () => {
    const looksPerAnswer = [HELD, HELD * 8].map((held) => {
      let looks = 0;
      const isHeld = { get: () => ++looks > 0 };
      const undecided = new UndecidedCalls();
      for (let order = 0; order < held; order++) undecided.push(Object.defineProperty(callAt(order), "isHeld", isHeld));
      const answers = held * 4;
      for (let answer = 0; answer < answers; answer++) undecided.giveUpBefore(Number.POSITIVE_INFINITY, false);
      return Math.round(looks / answers);
    });
    deepEqual(looksPerAnswer, [1, 1]);
  });

  it("are forgotten beyond a bound, oldest first, and those are told", () => {
    const undecided = new UndecidedCalls();
    const forgotten = Array.from({ length: 16_385 }, (_, index) => undecided.push(callAt(index)));
    deepEqual(
      forgotten.filter((call) => call !== undefined).map((call) => call.start.order),
      [0],
    );
  });

  it("are all there when their process ends", () => {
    const undecided = new UndecidedCalls();
    const held = callAt(1);
    held.isHeld = true;
    const open = callAt(3);
    for (const call of [held, open]) undecided.push(call);
    undecided.giveUpBefore(2, false);
    for (const call of undecided.drain()) decide(call, undefined, undefined);
    deepEqual([held.isDecided, open.isDecided], [true, true]);
  });
});
