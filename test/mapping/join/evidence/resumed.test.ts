import assert from "node:assert/strict";
import { type Going, inDrain, ResumedLoop } from "../../../support/resumed-loop.ts";

const ENOUGH = 12;

const inOrder = (turns: readonly number[]) => turns.map((turn, index) => [turn, index] as const);

const detached = (a: number, b: number): Going[] => [
  [a, 0, true],
  [b, 1, true],
];

/** Until what goes on is believed. */
function proven(): ResumedLoop {
  const loop = new ResumedLoop();
  for (let round = 0; round < ENOUGH; round++) loop.round(3, inOrder);
  return loop;
}

describe("resumed", () => {
  it("gives each of the answers that one read brings to the request that goes on with it", () => {
    const loop = proven();
    const names = loop.round(3, inOrder, true);
    const joined = loop.joined();
    for (const name of names) assert.deepEqual(joined.get(name), [name]);
  });

  it("believes nobody where one awaits what follows from an answer, and goes on later than the others", () => {
    const loop = proven();
    const names = [
      // The first one's promise has a microtask before its function's: the other two go on in the second and third.
      ...loop.round(
        3,
        ([a, b, c]) => [
          [b!, 1],
          [c!, 2],
          [a!, 3],
        ],
        true,
      ),
      ...loop.round(
        3,
        ([a, b, c]) => [
          [b!, 0],
          [c!, 2],
          [a!, 3],
        ],
        true,
      ),
    ];
    const joined = loop.joined();
    for (const name of names) assert.equal(joined.get(name), undefined);
  });

  it("believes nobody where fewer or more go on than answers came, or one of which nothing is known", () => {
    const loop = proven();
    const names = [
      ...loop.round(
        3,
        ([a, b]) => [
          [a!, 0],
          [b!, 1],
        ],
        true,
      ),
      ...loop.round(
        2,
        ([a, b]) => [
          [a!, 0],
          [b!, 1],
          [0, 2],
        ],
        true,
      ),
      ...loop.round(
        1,
        ([a]) => [
          [a!, 0],
          [0, 1],
        ],
        true,
      ),
    ];
    const joined = loop.joined();
    for (const name of names) assert.equal(joined.get(name), undefined);
  });

  it("believes the others where of one that goes on nothing is known", () => {
    const loop = proven();
    const inOneRun = loop.round(
      3,
      ([a, , c]) => [[a!, 0, false, 0, 7] as const, [0, 1] as const, [c!, 2, false, 0, 9] as const],
      true,
    );
    loop.sendsApart = true;
    const byRuns = loop.round(3, ([a, , c]) => [...inDrain(a!, 1, 7), [0, 8, false, 2, 0], ...inDrain(c!, 3, 8)], true);
    const shared = loop.round(2, ([a, b]) => [...inDrain(a!, 1, 7), ...inDrain(b!, 2, 8), [a!, 12, false, 2, 5]], true);
    const joined = loop.joined();
    for (const name of [inOneRun[0]!, inOneRun[2]!, byRuns[0]!, byRuns[2]!, shared[0]!])
      assert.deepEqual(joined.get(name), [name]);
    for (const name of [inOneRun[1]!, byRuns[1]!, shared[1]!]) assert.equal(joined.get(name), undefined);
  });

  it("believes what goes on with those answers of several that are over, unless it may go on with their beginnings", () => {
    const loop = proven();
    const whole = loop.cut(false);
    const cut = loop.cut(true);
    const joined = loop.joined();
    for (const name of whole.slice(0, 3)) assert.deepEqual(joined.get(name), [name]);
    for (const name of [whole[3]!, ...cut]) assert.equal(joined.get(name), undefined);
  });

  it("gives a request that is answered what it had begun to await when it was read", () => {
    const loop = proven();
    loop.behindAnswers(["early", "late"], [true, false]);
    const joined = loop.joined();
    assert.deepEqual(joined.get("early"), ["early"]);
    assert.equal(joined.get("late"), undefined);
  });

  it("gives requests that are answered all that they go on with, where nearly all do", () => {
    const loop = proven();
    const names = Array.from({ length: 12 }, () => loop.goOnBehindAnswers([3, 3, 3, 3])).flat();
    loop.read(["next"]);
    const joined = loop.joined();
    // Those before had called nothing behind their answers.
    for (const name of names.slice(32)) assert.deepEqual(joined.get(name), [`${name}c0`, `${name}c1`, `${name}c2`]);
  });

  it("gives them that also where the program is seconds behind with it", () => {
    const loop = proven();
    const names = Array.from({ length: 12 }, () => loop.goOnBehindAnswers([2, 2, 2, 2], 3000)).flat();
    loop.read(["next"]);
    const joined = loop.joined();
    for (const name of names.slice(32)) assert.deepEqual(joined.get(name), [`${name}c0`, `${name}c1`]);
  });

  it("gives an answered request no more than it began with where its function works for others", () => {
    const loop = proven();
    const names = Array.from({ length: 12 }, () => loop.goOnBehindAnswers([2, 0, 0, 1])).flat();
    const joined = loop.joined();
    for (const [index, name] of names.entries())
      assert.deepEqual(joined.get(name), [0, 3].includes(index % 4) ? [`${name}c0`] : undefined);
  });

  it("gives a request all that it goes on with, and nobody what nobody awaits", () => {
    const loop = proven();
    const twice = loop.round(
      2,
      ([a]) => [
        [a!, 0],
        [a!, 1],
      ],
      true,
    );
    const [only, unawaited] = loop.round(
      2,
      ([a]) => [
        [a!, 0],
        [a!, 1],
      ],
      true,
      1,
    );
    const joined = loop.joined();
    assert.deepEqual(joined.get(twice[0]!), twice);
    for (const name of [only!, unawaited!]) assert.equal(joined.get(name), undefined);
  });

  it("believes one that a function has started without awaiting it where one of the request's own goes on too", () => {
    const loop = proven();
    const [single] = loop.round(1, ([a]) => [[a!, 0, true] as const, [a!, 2] as const], true);
    const several = loop.round(
      2,
      ([a, b]) => [
        [a!, 0, true],
        [b!, 1, true],
        // Between them there are microtasks of other kinds.
        [a!, 4],
        [b!, 5],
      ],
      true,
    );
    const joined = loop.joined();
    for (const name of [single!, ...several]) assert.deepEqual(joined.get(name), [name]);
  });

  it("believes nobody where a function that another one has started without awaiting it goes on alone, or for another", () => {
    const loop = proven();
    const names = [
      ...loop.round(1, ([a]) => [[a!, 0, true]], true),
      ...loop.round(2, ([a, b]) => [...detached(a!, b!), [a!, 4]], true),
      ...loop.round(2, ([a, b]) => [...detached(a!, b!), [b!, 4], [a!, 5]], true),
      // The microtask between them has two followers, or none: these are not the second round.
      ...loop.round(2, ([a, b]) => [...detached(a!, b!), [a!, 3], [b!, 4]], true),
    ];
    const joined = loop.joined();
    for (const name of names) assert.equal(joined.get(name), undefined);
  });

  it("believes two orders that agree where the microtasks of each answer end before the next", () => {
    const loop = proven();
    loop.sendsApart = true;
    const names = [
      ...loop.round(3, ([a, b, c]) => [...inDrain(a!, 1, 7), ...inDrain(b!, 2, 8), ...inDrain(c!, 3, 9)], true),
      // The numbers of waits have begun again.
      ...loop.round(2, ([a, b]) => [...inDrain(a!, 1, 2 ** 20 - 1), ...inDrain(b!, 2, 0)], true),
    ];
    const joined = loop.joined();
    for (const name of names) assert.deepEqual(joined.get(name), [name]);
  });

  it("believes nobody where they differ, or where not each goes on", () => {
    const loop = proven();
    loop.sendsApart = true;
    const names = [
      ...loop.round(2, ([a, b]) => [...inDrain(b!, 1, 8), ...inDrain(a!, 2, 7)], true),
      ...loop.round(2, ([a, b]) => [...inDrain(a!, 1, 8), ...inDrain(b!, 2, 7)], true),
      ...loop.round(3, ([a, b]) => [...inDrain(a!, 1, 7), ...inDrain(b!, 2, 8)], true),
    ];
    const joined = loop.joined();
    for (const name of names) assert.equal(joined.get(name), undefined);
  });

  it("believes nobody before other evidence has agreed", () => {
    const loop = new ResumedLoop();
    const names = loop.round(3, inOrder, true);
    const joined = loop.joined();
    for (const name of names) assert.equal(joined.get(name), undefined);
  });

  it("believes what goes on from the first, where all are answered in the order in which they go on", () => {
    const loop = new ResumedLoop();
    const names = loop.round(3, inOrder);
    loop.answersBackwards = true;
    const backwards = loop.round(3, inOrder);
    const joined = loop.joined();
    for (const name of names) assert.deepEqual(joined.get(name), [name]);
    for (const name of backwards) assert.equal(joined.get(name), undefined);
  });

  it("believes no order of answers in a process in which what went on has lied", () => {
    const loop = new ResumedLoop();
    loop.lie();
    const names = loop.round(3, inOrder);
    const joined = loop.joined();
    for (const name of names) assert.equal(joined.get(name), undefined);
  });

  it("believes nobody where a request that came later has gone on with an answer", () => {
    const loop = proven();
    loop.lie();
    const names = [...loop.round(3, inOrder, true), ...loop.round(3, inOrder, true)];
    const joined = loop.joined();
    for (const name of names) assert.equal(joined.get(name), undefined);
  });
});
