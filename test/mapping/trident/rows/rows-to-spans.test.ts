import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type Resource, type Span, SpanKind, StatusCode } from "../../../../src/mapping/span.ts";
import { emptyRow, type L7Row, NO_CODE, RowKind, TapSide } from "../../../../src/mapping/trident/rows/l7-row.ts";
import { decodeL7Row } from "../../../../src/mapping/trident/rows/l7-row-decode.ts";
import { encodeL7Row } from "../../../../src/mapping/trident/rows/l7-row-encode.ts";
import { OWN_ROW_ATTRIBUTE, unpackSpan } from "../../../../src/mapping/trident/rows/own-row.ts";
import { RowJoiner } from "../../../../src/mapping/trident/rows/row-joiner.ts";
import { spanToRow } from "../../../../src/mapping/trident/rows/span-to-row.ts";
import { eachRecord } from "../../../../src/mapping/trident/wire/records.ts";

const START = 1_700_000_000_000_000_000n;
const MS = 1_000_000n;

function row(fields: Partial<L7Row>): L7Row {
  return {
    ...emptyRow(),
    kind: RowKind.session,
    protocol: 20,
    transport: 6,
    requestType: "GET",
    requestResource: "/",
    code: 200,
    startTimeNs: START,
    endTimeNs: START + 10n * MS,
    ...fields,
  };
}

function join(rows: readonly (readonly [L7Row, number])[], maxRows = 1000): { spans: Span[]; joiner: RowJoiner } {
  const spans: Span[] = [];
  const resource: Resource = { attributes: [] };
  const joiner = new RowJoiner({ settleNs: 1e9, maxRows, resourceOf: () => resource }, (more) => spans.push(...more));
  for (const [one, agent] of rows) joiner.add(one, agent, 0);
  joiner.flush();
  const { account } = joiner;
  assert.equal(account.held, 0);
  return { spans, joiner };
}

function byKind(spans: readonly Span[], kind: SpanKind): Span[] {
  return spans.filter((span) => span.kind === kind);
}

const client = { tapSide: TapSide.clientProcess, processId0: 10 };
const server = { tapSide: TapSide.serverProcess, processId1: 20 };

describe("rows to spans", () => {
  it("joins both ends of an exchange by the TCP sequence numbers, across agents", () => {
    const seqs = { requestTcpSeq: 5, responseTcpSeq: 6 };
    const { spans } = join([
      [row({ ...server, ...seqs, startTimeNs: START + MS }), 2],
      [row({ ...client, ...seqs }), 1],
    ]);
    const [parent] = byKind(spans, SpanKind.client);
    const [child] = byKind(spans, SpanKind.server);
    assert.equal(child?.parentSpanId, parent?.spanId);
    assert.equal(child?.traceId, parent?.traceId);
    assert.ok(child?.attributes.some(([key, value]) => key === "sockspan.link.evidence" && value === "tcp_seq"));
  });

  it("joins nothing whose resource differs or that is too far in time", () => {
    const seqs = { requestTcpSeq: 5, responseTcpSeq: 6 };
    const { spans } = join([
      [row({ ...client, ...seqs }), 1],
      [row({ ...server, ...seqs, requestResource: "/other" }), 2],
      [row({ ...server, ...seqs, startTimeNs: START + 5000n * MS, endTimeNs: START + 5001n * MS }), 3],
    ]);
    assert.deepEqual(
      byKind(spans, SpanKind.server).map((span) => span.parentSpanId),
      [undefined, undefined],
    );
  });

  it("joins the calls of a request by the system call trace id, chained ones too, within one agent", () => {
    const serving = row({ ...server, requestTcpSeq: 1, syscallTraceIdRequest: 100n, syscallTraceIdResponse: 300n });
    const first = row({
      ...client,
      processId0: 20,
      requestTcpSeq: 2,
      startTimeNs: START + MS,
      endTimeNs: START + 2n * MS,
      syscallTraceIdRequest: 100n,
      syscallTraceIdResponse: 200n,
    });
    const second = row({
      ...client,
      processId0: 20,
      requestTcpSeq: 3,
      startTimeNs: START + 3n * MS,
      endTimeNs: START + 4n * MS,
      syscallTraceIdRequest: 200n,
      syscallTraceIdResponse: 300n,
    });
    const stranger = row({
      ...client,
      requestTcpSeq: 4,
      startTimeNs: START + MS,
      endTimeNs: START + 2n * MS,
      syscallTraceIdRequest: 100n,
    });
    const outside = row({
      ...client,
      requestTcpSeq: 9,
      startTimeNs: START + 20n * MS,
      endTimeNs: START + 21n * MS,
      syscallTraceIdRequest: 100n,
    });
    const { spans } = join([
      [first, 1],
      [second, 1],
      [serving, 1],
      [stranger, 2],
      [outside, 1],
    ]);
    const root = byKind(spans, SpanKind.server)[0];
    const parents = byKind(spans, SpanKind.client).map((span) => span.parentSpanId);
    assert.deepEqual(parents, [root?.spanId, root?.spanId, undefined, undefined]);
  });

  it("never joins by x-request-id alone", () => {
    const ids = { xRequestId0: "same" };
    const inside = { startTimeNs: START + MS, endTimeNs: START + 2n * MS, requestResource: "/b" };
    const { spans } = join([
      [row({ ...server, ...ids, requestTcpSeq: 1 }), 1],
      [row({ ...client, processId0: 20, ...ids, ...inside, requestTcpSeq: 2 }), 1],
      [row({ ...client, processId0: 99, ...ids, ...inside, requestTcpSeq: 3 }), 1],
    ]);
    const root = byKind(spans, SpanKind.server)[0];
    assert.deepEqual(
      byKind(spans, SpanKind.client).map((span) => span.parentSpanId),
      [root?.spanId, undefined],
    );
  });

  it("takes the context in the headers when no row is the parent", () => {
    const traceIds = ["4bf92f3577b34da6a3ce929d0e0e4736"];
    const { spans } = join([[row({ ...server, requestTcpSeq: 1, traceIds, spanId: "00f067aa0ba902b7" }), 1]]);
    assert.equal(spans[0]?.traceId, traceIds[0]);
    assert.equal(spans[0]?.parentSpanId, "00f067aa0ba902b7");
  });

  it("puts the two halves of a session together", () => {
    const { spans, joiner } = join([
      [row({ ...client, kind: RowKind.request, code: NO_CODE, flowId: 7n, requestTcpSeq: 1, captureSeq0: 3 }), 1],
      [
        row({
          ...client,
          kind: RowKind.response,
          flowId: 7n,
          captureSeq1: 4,
          code: 500,
          status: 3,
          startTimeNs: START + MS,
          endTimeNs: START + 9n * MS,
        }),
        1,
      ],
      [row({ ...client, kind: RowKind.response, flowId: 8n }), 1],
    ]);
    assert.equal(spans.length, 1);
    assert.equal(spans[0]?.status, StatusCode.error);
    assert.equal(spans[0]?.endTimeUnixNano, START + 10n * MS);
    assert.deepEqual(Object.fromEntries(joiner.account.consumed), { merged: 1, response_without_request: 1 });
  });

  it("gives one span per side, from the process where it was seen there", () => {
    const seqs = { requestTcpSeq: 5, responseTcpSeq: 6 };
    const { spans, joiner } = join([
      [row({ tapSide: TapSide.client, ...seqs }), 1],
      [row({ ...client, ...seqs }), 1],
      [row({ tapSide: TapSide.rest, ...seqs }), 1],
      [row({ tapSide: TapSide.server, ...seqs }), 2],
    ]);
    assert.equal(byKind(spans, SpanKind.client).length, 1);
    assert.equal(byKind(spans, SpanKind.server).length, 1);
    assert.deepEqual(Object.fromEntries(joiner.account.consumed), { same_exchange: 2 });
  });

  it("lets the oldest leave when too many wait", () => {
    const spans: Span[] = [];
    const joiner = new RowJoiner({ settleNs: 1e9, maxRows: 10, resourceOf: () => ({ attributes: [] }) }, (more) =>
      spans.push(...more),
    );
    for (let index = 1; index <= 100; index++) joiner.add(row({ ...client, requestTcpSeq: index }), 1, 0);
    assert.equal(joiner.heldRows, 10);
    assert.equal(spans.length, 90);
  });

  it("maps the fixture's rows", () => {
    const rows: L7Row[] = [];
    eachRecord(readFileSync("test/fixtures/trident/frame-l7-raw.bin").subarray(19), (bytes) =>
      rows.push(decodeL7Row(bytes) as L7Row),
    );
    const { spans } = join(rows.map((one) => [one, 7]));
    const [parent] = byKind(spans, SpanKind.client);
    const [child] = byKind(spans, SpanKind.server);
    assert.equal(child?.parentSpanId, parent?.spanId);
    assert.equal(parent?.name, "GET");
    const attributes = Object.fromEntries(parent?.attributes ?? []);
    assert.equal(attributes["url.full"], "http://shop.example/cart/1?q=REDACTED");
    assert.equal(attributes["http.response.status_code"], 200);
    assert.equal(Object.fromEntries(child?.attributes ?? [])["url.path"], "/cart/1");
  });
});

describe("spans to rows", () => {
  const resource: Resource = {
    attributes: [
      ["service.name", "cart"],
      ["process.pid", 77],
    ],
  };
  const span: Span = {
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    spanId: "00f067aa0ba902b7",
    parentSpanId: "b7ad6b7169203331",
    traceState: "a=b",
    flags: 0x301,
    kind: SpanKind.server,
    name: "GET /cart/{id}",
    startTimeUnixNano: START,
    endTimeUnixNano: START + 5n * MS,
    attributes: [
      ["http.request.method", "GET"],
      ["http.response.status_code", 503],
      ["url.path", "/cart/1"],
      ["server.address", "shop.example"],
      ["server.port", 8080],
      ["network.peer.address", "10.0.0.1"],
      ["network.peer.port", 4321],
      ["network.protocol.name", "http"],
      ["sockspan.tcp.seq", 12345],
      ["sockspan.coroutine.id", 99n],
      ["thread.id", 78],
      ["http.request.header.x-request-id", ["xr"]],
    ],
    events: [{ timeUnixNano: START + MS, name: "e", attributes: [["n", 1.5]] }],
    links: [{ traceId: "4bf92f3577b34da6a3ce929d0e0e4737", spanId: "00f067aa0ba902b8", attributes: [] }],
    status: StatusCode.error,
    statusMessage: undefined,
    resource,
  };

  it("gives the assembler its ids", () => {
    const made = spanToRow(span, { agentId: 7, epcId: 1 });
    assert.ok(made);
    assert.equal(made.tapSide, TapSide.serverProcess);
    assert.equal(made.requestTcpSeq, 12345);
    assert.equal(made.processId1, 77);
    assert.equal(made.threadId1, 78);
    assert.equal(made.coroutineId1, 99n);
    assert.equal(made.port0, 4321);
    assert.equal(made.port1, 8080);
    assert.equal(made.code, 503);
    assert.equal(made.status, 3);
    assert.equal(made.xRequestId0, "xr");
    assert.deepEqual(made.traceIds, [span.traceId]);
    assert.equal(made.spanId, span.parentSpanId);
    assert.equal(made.tapPort >> 60n, 7n);
    const call = spanToRow(
      { ...span, kind: SpanKind.client, spanId: "1111111111111111", parentSpanId: span.spanId },
      { agentId: 7, epcId: 1 },
    );
    assert.equal(call?.syscallTraceIdRequest, made.syscallTraceIdRequest);
    assert.equal(call?.spanId, "1111111111111111");
    assert.equal(spanToRow({ ...span, kind: SpanKind.internal }, { agentId: 7, epcId: 1 }), undefined);
  });

  it("comes back as the same span", () => {
    const made = decodeL7Row(encodeL7Row(spanToRow(span, { agentId: 7, epcId: 1 }) as L7Row)) as L7Row;
    const text = made.attributeValues[made.attributeNames.indexOf(OWN_ROW_ATTRIBUTE)] ?? "";
    const back = unpackSpan(text, made.startTimeNs, made.endTimeNs, (_, attributes) => ({ attributes: attributes() }));
    assert.deepEqual(back, span);
  });

  it("refuses what is not of ours without throwing", () => {
    const resourceOf = (): Resource => ({ attributes: [] });
    for (const text of ["", "{}", "null", "[]", '{"v":1}', '{"v":1,"t":1}', "{".repeat(1000)]) {
      assert.equal(unpackSpan(text, 0n, 0n, resourceOf), undefined);
    }
  });
});
