/**
 * Compares the parents that the joiner gave with the ids that the programs carried in the URL path: `/h/r17.2.1` was
 * called by whoever served `/h/r17.2`. Pure; the joiner never looks at these ids.
 */

/** The part of an OTLP JSON span that the comparison needs. */
export interface JsonSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly attributes?: readonly { key: string; value: { stringValue?: string } }[];
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
  readonly mistakes: string[];
}

export interface Expectation {
  /** `r0` to `r<requests - 1>`, with a prefix of the run. */
  readonly prefix: string;
  readonly requests: number;
  readonly callsPerRequest: number;
}

const SERVER = 2;
const CLIENT = 3;

function attribute(span: JsonSpan, key: string): string | undefined {
  return span.attributes?.find((candidate) => candidate.key === key)?.value.stringValue;
}

function idOf(span: JsonSpan): string | undefined {
  const url = attribute(span, "url.path") ?? attribute(span, "url.full") ?? "";
  return /\/h\/([\w.]+)/.exec(url)?.[1];
}

function index(
  spans: readonly JsonSpan[],
  prefix: string,
): { servers: Map<string, JsonSpan[]>; clients: Map<string, JsonSpan[]> } {
  const servers = new Map<string, JsonSpan[]>();
  const clients = new Map<string, JsonSpan[]>();
  for (const span of spans) {
    const id = idOf(span);
    if (!id?.startsWith(prefix)) continue;
    const map = span.kind === SERVER ? servers : span.kind === CLIENT ? clients : undefined;
    const list = map?.get(id);
    if (list !== undefined) list.push(span);
    else map?.set(id, [span]);
  }
  return { servers, clients };
}

function judgeCall(score: Score, call: JsonSpan, callId: string, server: JsonSpan | undefined): boolean {
  if (call.parentSpanId === undefined || call.parentSpanId === "") {
    score.unjoined++;
    return false;
  }
  const isRight = server !== undefined && call.parentSpanId === server.spanId && call.traceId === server.traceId;
  const evidence = attribute(call, "sockspan.link.evidence") ?? "none";
  const row = score.byEvidence.get(evidence) ?? { right: 0, wrong: 0 };
  score.byEvidence.set(evidence, row);
  if (isRight) {
    score.right++;
    row.right++;
  } else {
    score.wrong++;
    row.wrong++;
    if (score.mistakes.length < 10) score.mistakes.push(`${callId} by ${evidence}: parent ${call.parentSpanId}`);
  }
  return isRight;
}

function judgeExchange(score: Score, server: JsonSpan, client: JsonSpan | undefined): boolean {
  if (server.parentSpanId === undefined || server.parentSpanId === "") {
    score.exchangesUnjoined++;
    return false;
  }
  const isRight = client !== undefined && server.parentSpanId === client.spanId && server.traceId === client.traceId;
  if (isRight) score.exchangesRight++;
  else score.exchangesWrong++;
  return isRight;
}

export function scoreSpans(spans: readonly JsonSpan[], expectation: Expectation): Score {
  const { prefix, requests, callsPerRequest } = expectation;
  const { servers, clients } = index(spans, prefix);
  const score: Score = {
    spansExpected: requests * (2 + 2 * callsPerRequest),
    spansFound: 0,
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
  };
  for (const list of [...servers.values(), ...clients.values()]) score.spansFound += list.length;
  for (let request = 0; request < requests; request++) {
    const rootId = `${prefix}${request}`;
    const rootServer = servers.get(rootId)?.[0];
    const rootClient = clients.get(rootId)?.[0];
    let isWhole = rootServer !== undefined && judgeExchange(score, rootServer, rootClient);
    for (let call = 1; call <= callsPerRequest; call++) {
      const callId = `${rootId}.${call}`;
      const client = clients.get(callId)?.[0];
      const server = servers.get(callId)?.[0];
      const callRight = client !== undefined && judgeCall(score, client, callId, rootServer);
      const exchangeRight = server !== undefined && judgeExchange(score, server, client);
      isWhole = isWhole && callRight && exchangeRight;
    }
    if (isWhole) score.tracesWhole++;
  }
  return score;
}

/** right / (right + wrong); 1 when nothing was joined: nothing was wrong. */
export function precisionOf(score: Score): number {
  const joined = score.right + score.wrong;
  return joined === 0 ? 1 : score.right / joined;
}

/** right / all calls that should have a parent. */
export function recallOf(score: Score, expectation: Expectation): number {
  return score.right / Math.max(1, expectation.requests * expectation.callsPerRequest);
}
