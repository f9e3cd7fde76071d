/**
 * Compares the parents that the joiner gave with the ids that the programs carried in the URL path: `/h/r17.2` was
 * called by whoever served `/h/r17`. Pure; the joiner never looks at these ids.
 */
import type { TruthSpan } from "./truth-span.ts";

export interface Mistake {
  /** The call, or the request whose caller is wrong. */
  readonly span: TruthSpan;
  /** What it was put under; undefined: a span that is not of this run. */
  readonly parent: TruthSpan | undefined;
  /** What it belongs to; undefined: not found. */
  readonly truth: TruthSpan | undefined;
}

export interface Score {
  spansExpected: number;
  spansFound: number;
  /** Of the calls that the program under test made: parent right, wrong, none. */
  right: number;
  wrong: number;
  unjoined: number;
  /** Of the requests that were served: parent is the caller's CLIENT span, is another span, is none. */
  exchangesRight: number;
  exchangesWrong: number;
  exchangesUnjoined: number;
  tracesExpected: number;
  tracesWhole: number;
  readonly byEvidence: Map<string, { right: number; wrong: number }>;
  readonly mistakes: Mistake[];
  readonly orphans: TruthSpan[];
}

export interface Expectation {
  /** `r0` to `r<requests - 1>`, with a prefix of the run. */
  readonly prefix: string;
  readonly requests: number;
  /** What follows the request's id in the ids of what is called for it: `.2`, `.1.3`. */
  readonly calls: readonly string[];
  /** How often each call is made. */
  readonly attempts: number;
}

class Spans {
  readonly servers = new Map<string, TruthSpan[]>();
  readonly clients = new Map<string, TruthSpan[]>();
  readonly bySpanId = new Map<string, TruthSpan>();
  count = 0;

  constructor(spans: readonly TruthSpan[], prefix: string) {
    for (const span of spans) {
      if (!span.id.startsWith(prefix)) continue;
      this.count++;
      this.bySpanId.set(span.spanId, span);
      const map = span.side === "server" ? this.servers : this.clients;
      const list = map.get(span.id);
      if (list !== undefined) list.push(span);
      else map.set(span.id, [span]);
    }
  }
}

const NONE: readonly TruthSpan[] = [];

function judgeCall(score: Score, spans: Spans, call: TruthSpan, callers: readonly TruthSpan[]): boolean {
  if (call.parentSpanId === undefined) {
    score.unjoined++;
    score.orphans.push(call);
    return false;
  }
  const isRight = callers.some(({ spanId, traceId }) => call.parentSpanId === spanId && call.traceId === traceId);
  const row = score.byEvidence.get(call.evidence) ?? { right: 0, wrong: 0 };
  score.byEvidence.set(call.evidence, row);
  if (isRight) {
    score.right++;
    row.right++;
  } else {
    score.wrong++;
    row.wrong++;
    score.mistakes.push({ span: call, parent: spans.bySpanId.get(call.parentSpanId), truth: callers[0] });
  }
  return isRight;
}

function judgeExchange(score: Score, spans: Spans, server: TruthSpan, clients: readonly TruthSpan[]): boolean {
  if (server.parentSpanId === undefined) {
    score.exchangesUnjoined++;
    return false;
  }
  const isRight = clients.some(({ spanId, traceId }) => server.parentSpanId === spanId && server.traceId === traceId);
  if (isRight) score.exchangesRight++;
  else {
    score.exchangesWrong++;
    score.mistakes.push({ span: server, parent: spans.bySpanId.get(server.parentSpanId), truth: clients[0] });
  }
  return isRight;
}

export function scoreSpans(all: readonly TruthSpan[], expectation: Expectation): Score {
  const { prefix, requests, calls, attempts } = expectation;
  const spans = new Spans(all, prefix);
  const score: Score = {
    spansExpected: expectedSpans(expectation),
    spansFound: spans.count,
    right: 0,
    wrong: 0,
    unjoined: 0,
    exchangesRight: 0,
    exchangesWrong: 0,
    exchangesUnjoined: 0,
    tracesExpected: requests,
    tracesWhole: 0,
    byEvidence: new Map(),
    mistakes: [],
    orphans: [],
  };
  for (let request = 0; request < requests; request++) {
    const rootId = `${prefix}${request}`;
    let isWhole = true;
    for (const suffix of ["", ...calls]) {
      const id = rootId + suffix;
      const clients = spans.clients.get(id) ?? NONE;
      const servers = spans.servers.get(id) ?? NONE;
      const count = suffix === "" ? 1 : attempts;
      isWhole &&= clients.length === count && servers.length === count;
      if (suffix !== "") {
        const callers = spans.servers.get(id.slice(0, id.lastIndexOf("."))) ?? NONE;
        for (const client of clients) isWhole = judgeCall(score, spans, client, callers) && isWhole;
      }
      for (const server of servers) isWhole = judgeExchange(score, spans, server, clients) && isWhole;
    }
    if (isWhole) score.tracesWhole++;
  }
  return score;
}

export function expectedSpans({ requests, calls, attempts }: Expectation): number {
  return requests * 2 * (1 + calls.length * attempts);
}

/** right / (right + wrong); 1 when nothing was joined: nothing was wrong. */
export function precisionOf(score: Score): number {
  const joined = score.right + score.wrong;
  return joined === 0 ? 1 : score.right / joined;
}

/** right / all calls that should have a parent. */
export function recallOf(score: Score, expectation: Expectation): number {
  const { requests, calls, attempts } = expectation;
  return score.right / Math.max(1, requests * calls.length * attempts);
}
