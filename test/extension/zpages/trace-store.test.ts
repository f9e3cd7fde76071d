import assert from "node:assert/strict";
import { TraceStore } from "../../../src/extension/zpages/trace-store.ts";
import { span } from "./support.ts";

const id = (n: number): string => n.toString(16).padStart(32, "0");

describe("zpages trace store", () => {
  it("keeps the newest traces, and its account balances", () => {
    const store = new TraceStore({ traces: 2, spansPerTrace: 2 });
    store.consume([span({ traceId: id(1) }), span({ traceId: id(2) }), span({ traceId: id(3) })]);
    store.consume([span({ traceId: id(3) }), span({ traceId: id(3) })]);
    assert.deepEqual(
      store.traces.map(({ traceId, spans, omitted }) => [traceId, spans.length, omitted]),
      [
        [id(3), 2, 1],
        [id(2), 1, 0],
      ],
    );
    assert.equal(store.account.in, 5);
    assert.equal(store.account.held, 3);
    assert.deepEqual(
      [...store.account.consumed],
      [
        ["evicted", 1],
        ["trace_too_long", 1],
      ],
    );
  });
});
