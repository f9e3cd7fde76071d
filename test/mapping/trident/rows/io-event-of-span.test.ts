import assert from "node:assert/strict";
import { SpanKind } from "../../../../src/mapping/span.ts";
import { ioEventOfSpan } from "../../../../src/mapping/trident/rows/io-event-of-span.ts";
import { get, Host, ok } from "../../../support/host.ts";

describe("a read as a row of DeepFlow's", () => {
  it("has who, when, how much and which file", () => {
    const host = new Host({ io: { as: "spans", keepsOrphans: false, maxPerRequest: 32 } });
    host.resources.set(500, {
      attributes: [
        ["process.pid", 500],
        ["process.executable.name", "server"],
      ],
    });
    const by = { tgid: 500, pid: 507, coroutineId: 9 };
    const link = host.connect({ only: "server" }).serverReads(by, get("/in"));
    host.io(by, "/srv/data", 12, { length: 4096 });
    link.answer(by, ok());
    host.end();
    const rows = host.spans.map(ioEventOfSpan);
    const index = host.spans.findIndex((span) => span.kind === SpanKind.internal);
    assert.deepEqual(rows[index], {
      processId: 500,
      threadId: 507,
      coroutineId: 9,
      processName: "server",
      startTimeNs: host.spans[index]!.startTimeUnixNano,
      endTimeNs: host.spans[index]!.endTimeUnixNano,
      isRead: true,
      sizeBytes: 4096,
      fileName: "data",
      directory: "/srv",
      offsetBytes: 4096,
      fileType: "regular",
    });
    assert.equal(rows.filter((row) => row !== undefined).length, 1, "an exchange is none");
  });
});
