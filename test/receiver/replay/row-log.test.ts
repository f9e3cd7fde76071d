import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Span, SpanKind } from "../../../src/mapping/span.ts";
import { parseRowJson } from "../../../src/mapping/trident/rows/row-json.ts";
import { isRowLog, RowLogDecoder } from "../../../src/receiver/replay/row-log.ts";

const COMMON =
  '"start_time":1700000000000000,"end_time":1700000000010000,"flow_id":1234567890123456789,"tap_port":"eBPF","signal_source":"EBPF","agent_id":3302,"msg_type":"Session","l7_protocol":"Http1","response_duration":10000,"ip_src":"10.0.0.1","ip_dst":"10.0.0.2","port_src":4000,"port_dst":80,"req_tcp_seq":100,"resp_tcp_seq":200,"protocol":"TCP","method":"GET","path":"/a?b=1","host":"shop","status_code":404,"response_status":"ClientError","version":"1.1"';
const CLIENT = `{${COMMON},"tap_side":"ClientProcess","process_id_0":5,"process_kname_0":"curl","syscall_trace_id_request":72057594037927937}`;
const SERVER = `{${COMMON},"tap_side":"ServerProcess","process_id_1":6,"process_kname_1":"shop","syscall_trace_id_request":72057594037927938}`;

describe("l7_flow_log", () => {
  it("reads a line, 64-bit ids exactly", () => {
    const row = parseRowJson(CLIENT);
    assert.ok(row);
    assert.equal(row.syscallTraceIdRequest, 72057594037927937n);
    assert.equal(row.flowId, 1234567890123456789n);
    assert.equal(row.startTimeNs, 1_700_000_000_000_000_000n);
    assert.equal(row.tapSide, 41);
    assert.equal(row.code, 404);
    assert.equal(row.requestResource, "/a?b=1");
    assert.equal(row.processName0, "curl");
  });

  it("takes no line for a row that is none", () => {
    for (const line of ["", "{}", "[]", "null", '{"start_time":"x"}', CLIENT.slice(0, 50)]) {
      assert.equal(parseRowJson(line), undefined);
    }
  });

  it("joins the lines of a file to spans, for any split, and says where it breaks", () => {
    const spans: Span[] = [];
    const problems: number[] = [];
    const decoder = new RowLogDecoder({
      spans: (more) => spans.push(...more),
      problem: (problem) => problems.push(problem.offset),
      accounts: () => undefined,
    });
    const text = `${CLIENT}\n${SERVER}\n{"broken\n${SERVER}\n`;
    assert.ok(isRowLog(text));
    for (let at = 0; at < text.length; at += 7) decoder.push(Buffer.from(text.slice(at, at + 7)));
    decoder.end();
    const client = spans.find((span) => span.kind === SpanKind.client);
    const server = spans.find((span) => span.kind === SpanKind.server);
    assert.equal(spans.length, 2);
    assert.equal(server?.parentSpanId, client?.spanId);
    assert.deepEqual(problems, [CLIENT.length + SERVER.length + 2]);
  });

  it("is an input of the replay command", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sockspan-rows-"));
    try {
      const input = join(folder, "l7_flow_log");
      const output = join(folder, "out.json");
      writeFileSync(input, `${CLIENT}\n${SERVER}\n`);
      await promisify(execFile)(process.execPath, ["build/src/main.js", "replay", input, "--output", output]);
      const line: { resourceSpans: { scopeSpans: { spans: unknown[] }[] }[] } = JSON.parse(
        readFileSync(output, "utf8"),
      );
      assert.equal(line.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)).length, 2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
