import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEMO_RECORDING } from "../../../src/service/demo/demo-recording.ts";
import { pcapFile, tcpFrames } from "../../support/pcap.ts";

const REQUEST = "GET /x?secret=1 HTTP/1.1\r\nHost: example.com\r\n\r\n";
const ANSWER = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

describe("sockspan replay", () => {
  let folder: string;
  let capture: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sockspan-replay-"));
    capture = join(folder, "a.pcap");
    const packets = [
      { fromClient: true, sequence: 1000, acknowledgement: 5000, payload: REQUEST, timeMs: 1 },
      { fromClient: false, sequence: 5000, acknowledgement: 1000 + REQUEST.length, payload: ANSWER, timeMs: 3 },
    ];
    writeFileSync(capture, pcapFile(tcpFrames(packets)));
  });
  after(() => rmSync(folder, { recursive: true }));

  const sockspan = (...words: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, ["build/src/main.js", "replay", ...words], { encoding: "utf8" });

  it("writes OTLP JSON lines to stdout, and nothing else", () => {
    const { status, stdout, stderr } = sockspan(capture);
    assert.equal(status, 0, stderr);
    const lines = stdout.trimEnd().split("\n");
    assert.equal(lines.length, 1);
    const span = JSON.parse(lines[0]!).resourceSpans[0].scopeSpans[0].spans[0];
    assert.equal(span.kind, 3);
    assert.equal(span.startTimeUnixNano, "1700000000001000000");
    assert.equal(span.endTimeUnixNano, "1700000000003000000");
    assert.ok(!stdout.includes("secret=1"));
    assert.match(stderr, /1 spans, 2 packets/);
  });

  it("writes a file, and a table", () => {
    const output = join(folder, "out");
    const { status, stdout } = sockspan(capture, "--output", output, "--format", "text");
    assert.deepEqual([status, stdout], [0, ""]);
    assert.match(readFileSync(output, "utf8"), /^TIME .*\n2023-11-14T22:13:20\.001000 2\.000 .*:80 .*404 .*GET\n$/);
  });

  it("says in the table of a recording who called whom, on spans of either side", () => {
    const recording = join(folder, "events");
    writeFileSync(recording, `${DEMO_RECORDING.join("\n")}\n`);
    const { stdout } = sockspan(recording, "--format", "text");
    const rows = stdout.trimEnd().split("\n").slice(1).sort();
    const ends = rows.map((row) => row.trim().split(/\s+/).slice(3, 5).join(" "));
    assert.deepEqual(ends, [
      "curl 127.0.0.1:18080",
      "127.0.0.1:45756 nginx",
      "nginx 127.0.0.1:18081",
      "127.0.0.1:55644 node",
    ]);
  });

  it("takes what a configuration says of headers and of trace context, as the live path does", () => {
    const traceparent = "00-11111111111111111111111111111111-2222222222222222-01";
    const request = `GET / HTTP/1.1\r\nHost: a\r\nX-Tenant: t1\r\nTraceparent: ${traceparent}\r\n\r\n`;
    const packets = [
      { fromClient: true, sequence: 1000, acknowledgement: 5000, payload: request, timeMs: 1 },
      { fromClient: false, sequence: 5000, acknowledgement: 1000 + request.length, payload: ANSWER, timeMs: 3 },
    ];
    const path = join(folder, "headers.pcap");
    writeFileSync(path, pcapFile(tcpFrames(packets)));
    const set = (...values: string[]) => values.flatMap((each) => ["--set", `receivers.socket_trace.${each}`]);
    const spanOf = (...words: string[]) => sockspan(path, ...words).stdout;
    assert.match(spanOf(...set("request_headers=[X-Tenant]")), /"http.request.header.x-tenant"/);
    assert.match(spanOf(...set("request_headers=[]")), /"traceId":"1{32}"/);
    assert.doesNotMatch(spanOf(...set("context_headers=[b3]")), /"traceId":"1{32}"/);
  });

  it("says where a file breaks, keeps what came before, and fails", () => {
    const broken = join(folder, "broken.pcap");
    writeFileSync(broken, Buffer.concat([readFileSync(capture), Buffer.alloc(7)]));
    const { status, stdout, stderr } = sockspan(broken);
    assert.equal(status, 1);
    assert.equal(stdout.trimEnd().split("\n").length, 1);
    assert.match(stderr, /CAPTURE_TRUNCATED/);
  });

  it("goes on to the next file where one is no capture, and fails", () => {
    const wrong = join(folder, "wrong.pcap");
    writeFileSync(wrong, "no capture at all");
    const { status, stdout, stderr } = sockspan(wrong, join(folder, "none.pcap"), capture);
    assert.equal(status, 1);
    assert.equal(stdout.trimEnd().split("\n").length, 1);
    assert.match(stderr, /wrong\.pcap.*CAPTURE_UNKNOWN_FORMAT.*none\.pcap.*CAPTURE_UNREADABLE.*1 spans, 2 packets/s);
  });

  it("reads from a pipe, gzipped or not", () => {
    for (const writer of ["cat", "gzip -c"]) {
      const line = `${writer} ${capture} | "${process.execPath}" build/src/main.js replay /dev/stdin`;
      const { status, stdout, stderr } = spawnSync("bash", ["-c", line], { encoding: "utf8" });
      assert.equal(status, 0, stderr);
      assert.equal(stdout.trimEnd().split("\n").length, 1);
    }
  });

  it("says that it does not know a link type", () => {
    const other = join(folder, "other.pcap");
    const bytes = Buffer.from(readFileSync(capture));
    bytes.writeUInt32LE(147, 20);
    writeFileSync(other, bytes);
    assert.match(sockspan(other).stderr, /0 spans, 2 packets, 2 packets lost \(unknown_link_type\)/);
  });

  it("describes a call as its client sees it, also where the server's packets come first", () => {
    const late = join(folder, "late.pcap");
    const packets = [
      { fromClient: false, sequence: 4000, acknowledgement: 1000, payload: `${ANSWER}`, timeMs: 0 },
      { fromClient: true, sequence: 1000, acknowledgement: 4000 + ANSWER.length, payload: REQUEST, timeMs: 1 },
      {
        fromClient: false,
        sequence: 4000 + ANSWER.length,
        acknowledgement: 1000 + REQUEST.length,
        payload: ANSWER,
        timeMs: 3,
      },
    ];
    writeFileSync(late, pcapFile(tcpFrames(packets)));
    const { stdout } = sockspan(late);
    const span = JSON.parse(stdout).resourceSpans[0].scopeSpans[0].spans[0];
    const attributes = new Map(span.attributes.map(({ key, value }: never) => [key, value]));
    assert.deepEqual(attributes.get("network.peer.address"), { stringValue: "10.0.0.2" });
    assert.deepEqual(attributes.get("network.peer.port"), { intValue: "80" });
  });

  it("tells wrong use from failure", () => {
    assert.equal(sockspan(join(folder, "none.pcap")).status, 1);
    assert.equal(sockspan(capture, "--format", "yaml").status, 2);
    assert.equal(sockspan().status, 2);
  });

  it("says when its output can't be written, and fails", () => {
    for (const [path, why] of [
      [join(folder, "no/such/folder"), "ENOENT"],
      [folder, "EISDIR"],
      ["/dev/full", "ENOSPC"],
    ] as const) {
      for (const format of ["otlp-json", "text"]) {
        const { status, stdout, stderr } = sockspan(capture, "-o", path, "--format", format);
        assert.deepEqual([status, stdout], [1, ""], stderr);
        assert.match(
          stderr,
          new RegExp(`^sockspan: the spans can't be written: .*${why}.* \\[REPLAY_OUTPUT_UNUSABLE\\]`, "m"),
        );
        assert.doesNotMatch(stderr, /unexpected|\d spans/);
      }
    }
  });

  it("says when stdout can't be written, and ends quietly when its reader has had enough", () => {
    const shell = (line: string) => spawnSync("bash", ["-c", `set -o pipefail; ${line}`], { encoding: "utf8" });
    const command = `"${process.execPath}" build/src/main.js replay ${capture}`;
    const full = shell(`${command} > /dev/full`);
    assert.equal(full.status, 1);
    assert.match(full.stderr, /ENOSPC.* \[STDOUT_UNUSABLE\]/);
    const enough = shell(`${command} | true`);
    assert.equal(enough.status, 0, enough.stderr);
    assert.doesNotMatch(enough.stderr, /EPIPE|UNUSABLE/);
  });
});
