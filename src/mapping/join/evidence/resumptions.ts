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
import { CauseKind, UnitEdge, type UnitEdgeEvent } from "../../../bpf/layout.gen.ts";
import type { Resumption, Stretch } from "../thread-log.ts";
import type { TraceNode } from "../trace-node.ts";

/** Of an answer. */
interface Awaiting {
  readonly served: TraceNode;
  /** What awaits the answer itself began to in the very callback that has read the request. */
  readonly isAtOnce: boolean;
}

type Served = readonly (Awaiting | undefined)[];
type RequestOf = (callback: number) => TraceNode | undefined;

const WAITS = 2 ** 20;
const AT_ONCE = 2 ** 52;

/** What an event tells (bpf/unit/node.bpf.h). */
export function resumptionOf({ fromId, fromCreation, work, edge }: UnitEdgeEvent): Resumption {
  return {
    owner: fromId,
    isDetached: edge === UnitEdge.resumesDetached,
    microtasks: work,
    waiting: fromCreation % 2 ** 16,
    drain: Math.floor(fromCreation / 2 ** 16) % 2 ** 16,
    wait: Math.floor(fromCreation / 2 ** 32) % WAITS,
    isAtOnce: fromCreation >= AT_ONCE,
  };
}

/**
 * @param requestOf the one that a callback has read; undefined: not known, or several
 * @returns by answer, undefined where it is not known; undefined: of none
 */
export function servedBy(stretch: Stretch, requestOf: RequestOf): Served | undefined {
  const { resumed, start, ended, begun } = stretch;
  const count = ended.length;
  const isWhole = areAllOver(stretch);
  // Had all gone on for the beginnings of answers, these would be as many.
  if (!isWhole && (count === 1 || begun === count)) return undefined;
  if (count === 1) return [requestOfAll(resumed, requestOf)];
  if (count === 0 || start.causeKind !== CauseKind.nodeMicrotasks) return undefined;
  const drains = [...groupBy(resumed, ({ drain }) => drain).values()];
  if (drains.length === 1 && isWhole) return servedByRounds(resumed, start.causeId, count, requestOf);
  if (drains.length !== count) return undefined;
  const calls = drains.map(([first], index) => ({ first: first!, call: ended[index]! }));
  const served = drains.map((drain) => requestOfAll(drain, requestOf));
  const known = calls.filter((_, index) => served[index] !== undefined);
  known.sort((one, other) => compareCalls(one.call, other.call));
  const isInOrder = known.every((one, index) => {
    const next = known[index + 1];
    return next === undefined || (compareCalls(one.call, next.call) < 0 && hasWaitedLonger(one.first, next.first));
  });
  return isInOrder ? served : undefined;
}

/** All answers that were read are over. */
function areAllOver({ read, ended }: Stretch): boolean {
  const answers = new Set(ended);
  return read.every((node) => answers.has(node));
}

function servedByRounds(
  resumed: readonly Resumption[],
  firstMicrotask: number,
  count: number,
  requestOf: RequestOf,
): Served | undefined {
  const rounds = groupBy(resumed, ({ microtasks }) => Math.floor((microtasks - firstMicrotask) / count));
  const isWhole = (round: readonly Resumption[]) => round.length === count && round[0]!.waiting === count - 1;
  const whole = [...rounds.values()].filter(isWhole);
  const first = rounds.get(0);
  if (first === undefined || first !== whole[0]) return undefined;
  const others = [...rounds.values()].flat().filter((one) => !whole.some((round) => round.includes(one)));
  if (others.some(({ owner }) => requestOf(owner) === undefined)) return undefined;
  // Commands are answered in the order in which they were sent.
  const known = first.filter(({ owner }) => requestOf(owner) !== undefined);
  const isInOrder = known.every((one, index) => index + 1 === known.length || hasWaitedLonger(one, known[index + 1]!));
  const isSame = whole.every((round) => round.every(({ owner }, index) => owner === first[index]!.owner));
  if (!isInOrder || !isSame) return undefined;
  return first.map((_, index) =>
    requestOfAll(
      whole.map((round) => round[index]!),
      requestOf,
    ),
  );
}

/** Below 0 where the one was made before the other; 0: that is not known. */
function compareCalls(one: TraceNode, other: TraceNode): number {
  // One write may bring several.
  return one.start.order - other.start.order || one.streamId - other.streamId;
}

function hasWaitedLonger(one: Resumption, other: Resumption): boolean {
  return (other.wait - one.wait + WAITS) % WAITS < WAITS / 2;
}

/** All goes on for one request, and for that one of them surely. */
function requestOfAll(resumed: readonly Resumption[], requestOf: RequestOf): Awaiting | undefined {
  const { owner, isAtOnce } = resumed[0]!;
  const isSure = resumed.some(({ isDetached }) => !isDetached) && resumed.every((one) => one.owner === owner);
  const served = isSure ? requestOf(owner) : undefined;
  return served && { served, isAtOnce };
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
