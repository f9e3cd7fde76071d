/**
 * For whom the async functions of a callback of Node's go on, in the order of the answers that it has read.
 *
 * One answer: all that goes on goes on for one. Several (Redis, HTTP/2): who awaits the promises themselves goes on in the first
 * microtasks behind the read, one after the other, of which there are as many as answers; what follows from these comes in
 * further rounds of as many, in the same order.
 *
 *     microtask   0    1    2  |  3    4    5  |  6    7    8
 *     goes on     a?   b?   c? |  .    .    .  |  a    b    c      the first answer is a's, the second b's, the third c's
 *
 * Clients whose answers are told to one after the other, each by itself (HTTP/2), let the microtasks of each run until none is
 * left, before the next. Then the n-th such drain is the n-th answer's; but a stream may be over at once, or when its body was taken, so in
 * which order they have begun to wait must say the same: whoever waited first has called first.
 *
 * A function that another one has started without awaiting it (?) may work for somebody else: a queue's next job. So each owner has to be
 * named by one that was not, and all must agree.
 */
import { CauseKind, UnitEdge, type UnitEdgeEvent } from "../../bpf/layout.gen.ts";
import type { Resumption, Stretch } from "./thread-log.ts";
import type { TraceNode } from "./trace-node.ts";

type Owners = readonly number[];

const WAITS = 2 ** 20;

/** What an event tells (bpf/unit/node.bpf.h). */
export function resumptionOf({ fromId, fromCreation, work, edge }: UnitEdgeEvent): Resumption {
  return {
    owner: fromId,
    isDetached: edge === UnitEdge.resumesDetached,
    microtasks: work,
    waiting: fromCreation % 2 ** 16,
    drain: Math.floor(fromCreation / 2 ** 16) % 2 ** 16,
    wait: Math.floor(fromCreation / 2 ** 32),
  };
}

/** @returns the callbacks in which they were started; undefined: that is not known of each */
export function ownersOf({ resumed, start, ended }: Stretch): Owners | undefined {
  const count = ended.length;
  if (count === 1) return areSure([resumed]) ? ownersIfOne(resumed) : undefined;
  if (count === 0 || start.causeKind !== CauseKind.nodeMicrotasks) return undefined;
  const drains = [...groupBy(resumed, ({ drain }) => drain).values()];
  if (drains.length === count) return ownersByDrain(drains, ended);
  if (drains.length !== 1) return undefined;
  const rounds = roundsOf(resumed, start.causeId, count);
  const first = rounds.get(0)?.map(({ owner }) => owner);
  if (first === undefined) return undefined;
  const all = [...rounds.values()];
  if (!all.every((round) => round.every(({ owner }, index) => owner === first[index]))) return undefined;
  return areSure(first.map((_, index) => all.map((round) => round[index]!))) ? first : undefined;
}

function ownersByDrain(drains: readonly Resumption[][], calls: readonly TraceNode[]): Owners | undefined {
  const owners = drains.map((drain) => ownersIfOne(drain)?.[0]);
  if (owners.includes(undefined) || !areSure(drains)) return undefined;
  const waits = drains.map(([first]) => first!.wait);
  const isInOrder = drains.every((_, one) =>
    drains.every(
      (_, other) =>
        owners[one] === owners[other] ||
        orderOf(calls[one]!, calls[other]!) === Math.sign(waited(waits[one]!, waits[other]!)),
    ),
  );
  return isInOrder ? (owners as Owners) : undefined;
}

/** @returns below 0 where the one was made before the other; 0: that is not known */
function orderOf(one: TraceNode, other: TraceNode): number {
  // One write may bring several.
  return Math.sign(one.start.order - other.start.order) || Math.sign(one.streamId - other.streamId);
}

/** @returns below 0 where the one began before the other */
function waited(one: number, other: number): number {
  const later = (other - one + WAITS) % WAITS;
  return later < WAITS / 2 ? -later : WAITS - later;
}

function ownersIfOne(resumed: readonly Resumption[]): Owners | undefined {
  const owners = [...new Set(resumed.map(({ owner }) => owner))];
  return owners.length === 1 ? owners : undefined;
}

/** Those in which one goes on in each microtask, and each of the rounds before had as many. */
function roundsOf(
  resumed: readonly Resumption[],
  firstMicrotask: number,
  count: number,
): ReadonlyMap<number, readonly Resumption[]> {
  const rounds = groupBy(resumed, ({ microtasks }) => Math.floor((microtasks - firstMicrotask) / count));
  for (const [number, round] of rounds)
    if (round.length !== count || round[0]!.waiting !== count - 1) rounds.delete(number);
  return rounds;
}

function groupBy(resumed: readonly Resumption[], keyOf: (one: Resumption) => number): Map<number, Resumption[]> {
  const groups = new Map<number, Resumption[]>();
  for (const one of resumed) {
    const group = groups.get(keyOf(one));
    if (group === undefined) groups.set(keyOf(one), [one]);
    else group.push(one);
  }
  return groups;
}

/** For each answer one goes on of which it is sure for whom. */
function areSure(answers: readonly (readonly Resumption[])[]): boolean {
  return answers.every((resumed) => resumed.some(({ isDetached }) => !isDetached));
}
