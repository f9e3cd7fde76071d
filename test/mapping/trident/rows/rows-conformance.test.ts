/** Rows beside l7: what we write against DeepFlow's own bytes, and against the generated code. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import { encodeIoEventRow } from "../../../../src/mapping/trident/rows/io-event-row.ts";
import { encodeProfileRow, ProfileEvent } from "../../../../src/mapping/trident/rows/profile-row.ts";
import { encodeStatsRow } from "../../../../src/mapping/trident/rows/stats-row.ts";
import { HEADER_BYTES } from "../../../../src/mapping/trident/wire/frame.ts";
import { eachRecord } from "../../../../src/mapping/trident/wire/records.ts";
import { EventType, IoOperation, ProcEventSchema, ProfileSchema } from "../../../../src/trident/proto/metric.gen.ts";
import { StatsSchema } from "../../../../src/trident/proto/stats.gen.ts";

function fixture(name: string): Uint8Array {
  let record: Uint8Array = new Uint8Array(0);
  eachRecord(
    Uint8Array.from(readFileSync(`test/fixtures/trident/frame-${name}-raw.bin`)).subarray(HEADER_BYTES),
    (bytes) => {
      record = bytes;
    },
  );
  return record;
}

describe("rows beside l7", () => {
  it("writes statistics as DeepFlow's encoder does", () => {
    const bytes = fixture("dfstats");
    const stats = fromBinary(StatsSchema, bytes);
    const written = encodeStatsRow({
      timestampS: Number(stats.timestamp),
      name: stats.name,
      tags: new Map(stats.tagNames.map((name, index) => [name, stats.tagValues[index] ?? ""])),
      metrics: new Map(stats.metricsFloatNames.map((name, index) => [name, stats.metricsFloatValues[index] ?? 0])),
      organizationId: stats.orgId,
      teamId: stats.teamId,
    });
    assert.deepEqual(Buffer.from(written), Buffer.from(bytes));
  });

  it("writes profiles that say the same as DeepFlow's", () => {
    const expected = fromBinary(ProfileSchema, fixture("profile"));
    const written = encodeProfileRow({
      stack: Buffer.from(expected.data).toString(),
      timestampNs: expected.timestamp,
      event: ProfileEvent.onCpu,
      processStartNs: expected.stime,
      processId: expected.pid,
      threadId: expected.tid,
      threadName: expected.threadName,
      processName: expected.processName,
      cpu: expected.cpu,
      count: expected.count,
      sampleRateHz: 0,
    });
    // Stack ids are the sender's own numbers: we have none.
    assert.deepEqual(fromBinary(ProfileSchema, written), { ...expected, uStackId: 0, kStackId: 0 });
  });

  it("writes slow reads and writes of files", () => {
    const expected = fromBinary(ProcEventSchema, fixture("proc_event"));
    const io = expected.ioEventData;
    assert.ok(io);
    const written = fromBinary(
      ProcEventSchema,
      encodeIoEventRow({
        processId: expected.pid,
        threadId: expected.threadId,
        coroutineId: expected.coroutineId,
        processName: Buffer.from(expected.processKname).toString(),
        startTimeNs: expected.startTime,
        endTimeNs: expected.endTime,
        isRead: io.operation === IoOperation.Read,
        sizeBytes: io.bytesCount,
        fileName: Buffer.from(io.filename).toString(),
        directory: Buffer.from(io.fileDir).toString(),
        offsetBytes: Number(io.offBytes),
        fileType: "regular",
      }),
    );
    assert.equal(written.eventType, EventType.IoEvent);
    assert.deepEqual(written.processKname, expected.processKname);
    assert.equal(written.ioEventData?.bytesCount, io.bytesCount);
    assert.equal(written.ioEventData?.operation, io.operation);
    assert.deepEqual(written.ioEventData?.filename, io.filename);
    assert.deepEqual(written.ioEventData?.fileDir, io.fileDir);
    assert.equal(written.ioEventData?.offBytes, io.offBytes);
  });
});
