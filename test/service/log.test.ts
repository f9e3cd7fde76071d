import assert from "node:assert/strict";
import type { LogEncoding, LogLevel } from "../../src/service/log.ts";
import { Logger } from "../../src/service/log.ts";

function capture(level: LogLevel, encoding: LogEncoding): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const log = new Logger({ level, encoding, write: (line) => lines.push(line), now: () => new Date(0) });
  return { log, lines };
}

describe("log", () => {
  it("writes one escaped line per record", () => {
    const { log, lines } = capture("info", "console");
    log.child("otlp_grpc").warn("send failed\nINFO forged", { reason: 'a "b"\u001b[2J', count: 3, none: undefined });
    assert.deepEqual(lines, [
      '1970-01-01T00:00:00.000Z warn otlp_grpc: send failed\\nINFO forged reason="a \\"b\\"\\x1b[2J" count=3\n',
    ]);
  });

  it("writes JSON", () => {
    const { log, lines } = capture("debug", "json");
    log.child("x").debug("hello", { at: 5n });
    assert.deepEqual(JSON.parse(lines[0]!), {
      ts: "1970-01-01T00:00:00.000Z",
      level: "debug",
      component: "x",
      msg: "hello",
      at: "5",
    });
  });

  it("leaves out what is below the level, also for children made before it changed", () => {
    const { log, lines } = capture("warn", "console");
    const child = log.child("x");
    child.info("quiet");
    log.configure({ level: "info" });
    child.info("loud");
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /loud/);
  });
});
