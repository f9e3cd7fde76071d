/**
 * Which request a sample was taken for. As with parents: evidence that can't know does not speak, and a wrong link is
 * worse than none.
 */
import { TurnPhase, UnitKind } from "../../bpf/layout.gen.ts";
import type { TraceNode } from "../join/trace-node.ts";
import { SERVES_WHAT_IT_READS, unitKeyOf, unitKindOf } from "../join/unit.ts";
import type { Mark, ServedWork } from "./served-work.ts";
import type { StackSample } from "./stack-sample.ts";

interface Around {
  readonly before: Mark | undefined;
  readonly after: Mark | undefined;
}

type LinkAnswer =
  | { readonly kind: "served"; readonly node: TraceNode }
  /** Nothing was served there. */
  | { readonly kind: "idle" }
  /** Something was, and which is not sure. */
  | { readonly kind: "unsure" }
  /** What the unit does next will tell. */
  | { readonly kind: "later" };

const IDLE: LinkAnswer = { kind: "idle" };
const UNSURE: LinkAnswer = { kind: "unsure" };
const LATER: LinkAnswer = { kind: "later" };

export function linkSample(sample: StackSample, work: ServedWork): LinkAnswer {
  const { tgid, pid, timestampNs } = sample;
  if (!work.isTold(timestampNs)) return LATER;
  if (!work.knows(tgid)) return IDLE;
  const kind = unitKindOf(sample);
  const key = unitKeyOf(sample);
  if (SERVES_WHAT_IT_READS.includes(kind)) return byUnit(sample, key, work);
  const thread = work.around(tgid, pid * 16, timestampNs);
  const task =
    kind === UnitKind.none ? byCallback(sample, thread.after) : byTask(sample, work.around(tgid, key, timestampNs));
  const answer = task ?? byThread(sample, thread, work);
  // What the unit sends next may still say it.
  const mayTell = answer.kind !== "served" && thread.after === undefined && work.hasOpen(tgid);
  return mayTell ? LATER : answer;
}

/** A unit that has read a request does nothing else before it has answered. */
function byUnit(sample: StackSample, key: number, work: ServedWork): LinkAnswer {
  const { tgid, timestampNs } = sample;
  const [served, another] = work.servedAt(tgid, key, timestampNs);
  if (served !== undefined) {
    // Pipelined requests, or streams of one connection.
    const isShared = another !== undefined || served.node.unit?.isShared === true;
    return isShared ? UNSURE : { kind: "served", node: served.node };
  }
  // net/http has the first byte of a request read by another goroutine now and then.
  const around = work.around(tgid, key, timestampNs);
  const answer = byTask(sample, around);
  if (answer !== undefined) return answer;
  return around.before !== undefined && around.after === undefined && work.hasOpen(tgid) ? LATER : IDLE;
}

/** A task's context: what it sends next is what it works for, if it has sent nothing else since that was read. */
function byTask({ timestampNs }: StackSample, { before, after }: Around): LinkAnswer | undefined {
  const next = after === undefined || after.isInput ? undefined : ownerOf(after.node);
  if (next === undefined || next === "later" || next.start.timestampNs > timestampNs) return undefined;
  if (before !== undefined && before.timestampNs >= next.start.timestampNs && ownerOf(before.node) !== next) {
    return undefined;
  }
  return { kind: "served", node: next };
}

/** Node: the callback that runs (its execution id) is the one that sends next. */
function byCallback(sample: StackSample, after: Mark | undefined): LinkAnswer | undefined {
  if (sample.unitKind !== UnitKind.nodeAsync || sample.unitId === 0 || after === undefined || after.isInput) {
    return undefined;
  }
  if (after.unitId !== sample.unitId || !isSameTurn(sample, after)) return undefined;
  const next = ownerOf(after.node);
  if (next === undefined || next === "later" || next.start.timestampNs > sample.timestampNs) return undefined;
  return { kind: "served", node: next };
}

/** Between what a thread read for a request and what it sends for the same one. */
function byThread(sample: StackSample, { before, after }: Around, work: ServedWork): LinkAnswer {
  if (before === undefined) return IDLE;
  const owner = ownerOf(before.node);
  if (owner === "later") return LATER;
  if (owner === undefined) return IDLE;
  const isInTurn = isSameTurn(sample, before);
  // Nothing but the callback of this very read lies in the turn.
  if (isInTurn && sample.unitKind === UnitKind.nodeAsync && sample.turnId % 4 === TurnPhase.poll) {
    return { kind: "served", node: owner };
  }
  // A thread of such a process does nothing else until it has answered.
  const isOwn =
    owner.start.pid === sample.pid &&
    owner.unit?.isShared !== true &&
    (owner.start.isBlocking || work.servesByThread(sample.tgid));
  const next = after === undefined ? undefined : ownerOf(after.node);
  if (next === "later") return LATER;
  if (isOwn) {
    // The last thing it did was the end of the answer.
    if (!before.isInput && next !== owner && (owner.isFinished || next !== undefined)) return IDLE;
    return next === owner || after === undefined ? { kind: "served", node: owner } : UNSURE;
  }
  const isOutput = after !== undefined && !after.isInput;
  const isSure = before.isInput && isOutput && next === owner && isInTurn && isSameTurn(sample, after);
  return isSure ? { kind: "served", node: owner } : UNSURE;
}

/** The request that a message was for. */
function ownerOf(node: TraceNode): TraceNode | undefined | "later" {
  if (node.isServer) return node;
  if (node.parent !== undefined) return node.parent.isServer ? node.parent : undefined;
  return node.isDecided ? undefined : "later";
}

function isSameTurn(sample: StackSample, mark: Mark): boolean {
  return sample.turnId !== 0 && Math.floor(sample.turnId / 4) === Math.floor(mark.turnId / 4);
}
