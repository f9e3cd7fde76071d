/**
 * Settle, then never change: each node's parent is decided once, and a span leaves when every node up to its root is
 * decided. What is learnt later is counted, and changes nothing.
 */
import type { TraceNode } from "./trace-node.ts";

/** Chains are as deep as calls nest on one host; more is a loop of our own making. */
const MAX_DEPTH = 256;

/** Decides a node's parent. @returns false where it was decided before, or where the parent would be its own child */
export function decide(node: TraceNode, parent: TraceNode | undefined, evidence: string | undefined): boolean {
  if (node.isDecided || (parent !== undefined && isAncestor(node, parent))) return false;
  node.isDecided = true;
  node.parent = parent;
  if (parent?.isServer) parent.hasCall = true;
  node.evidence = parent === undefined ? undefined : evidence;
  wake(node);
  return true;
}

/** The parent is a span that somebody else makes: its ids are known. */
export function decideRemote(node: TraceNode, evidence: string): boolean {
  if (node.isDecided || node.carried === undefined) return false;
  node.isDecided = true;
  node.remoteParent = node.carried;
  node.evidence = evidence;
  wake(node);
  return true;
}

/** The first node, from this one up, whose parent is still open; undefined: the trace is settled. */
export function firstUndecided(node: TraceNode): TraceNode | undefined {
  let at: TraceNode | undefined = node;
  while (at !== undefined) {
    if (at.traceId !== undefined) return undefined;
    if (!at.isDecided) return at;
    at = at.parent;
  }
  return undefined;
}

/** Calls back once no node up to the root is open: at once, or when the last of them is decided. */
export function whenSettled(node: TraceNode, action: () => void): void {
  const open = firstUndecided(node);
  if (open === undefined) {
    action();
    return;
  }
  wait(open, () => whenSettled(node, action));
}

/** Calls back once the node itself is decided. */
export function whenDecided(node: TraceNode, action: () => void): void {
  if (node.isDecided) {
    action();
    return;
  }
  wait(node, action);
}

/** One span waits for a node, mostly: an array that grows from nothing has room for many. */
function wait(node: TraceNode, action: () => void): void {
  if (node.waiting === undefined) node.waiting = [action];
  else node.waiting.push(action);
}

/** Everything up to the root is decided now: what is open has no parent. */
export function settle(node: TraceNode): void {
  for (let open = firstUndecided(node); open !== undefined; open = firstUndecided(node))
    decide(open, undefined, undefined);
}

/** The trace of a settled node. From now on it is a constant, and nothing above the node is needed any more. */
export function resolveTraceId(node: TraceNode): string {
  if (node.traceId !== undefined) return node.traceId;
  let root = node;
  while (root.parent !== undefined && root.traceId === undefined) root = root.parent;
  const traceId = root.traceId ?? root.remoteParent?.traceId ?? root.ownTraceId;
  for (let at: TraceNode | undefined = node; at !== undefined && at.traceId === undefined; at = at.parent) {
    at.traceId = traceId;
  }
  return traceId;
}

function isAncestor(node: TraceNode, of: TraceNode): boolean {
  let at: TraceNode | undefined = of;
  for (let depth = 0; at !== undefined; depth++) {
    if (at === node || depth > MAX_DEPTH) return true;
    at = at.parent;
  }
  return false;
}

/** So many nodes lie above it. */
export function isDeeperThan(node: TraceNode, depth: number): boolean {
  let at = node.parent;
  for (let above = 0; at !== undefined; above++) {
    if (above >= depth) return true;
    at = at.parent;
  }
  return false;
}

function wake(node: TraceNode): void {
  const waiting = node.waiting;
  if (waiting === undefined) return;
  node.waiting = undefined;
  for (const action of waiting) action();
}

const MAX_CANDIDATES = 4;

/** A possible parent, with what speaks for it; said in a link if no parent is found. */
export function addCandidate(call: TraceNode, node: TraceNode, evidence: string): void {
  if (call.isDecided) return;
  call.candidates ??= [];
  if (call.candidates.length < MAX_CANDIDATES && !call.candidates.some((other) => other.node === node)) {
    call.candidates.push({ node, evidence });
  }
}
