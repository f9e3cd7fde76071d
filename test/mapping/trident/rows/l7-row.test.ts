import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { emptyRow, type L7Row } from "../../../../src/mapping/trident/rows/l7-row.ts";
import { decodeL7Row } from "../../../../src/mapping/trident/rows/l7-row-decode.ts";
import { encodeL7Row } from "../../../../src/mapping/trident/rows/l7-row-encode.ts";
import { eachRecord } from "../../../../src/mapping/trident/wire/records.ts";
import { AppProtoLogsDataSchema } from "../../../../src/trident/proto/flow-log.gen.ts";

function fixtureRows(): Uint8Array[] {
  const rows: Uint8Array[] = [];
  eachRecord(readFileSync("test/fixtures/trident/frame-l7-raw.bin").subarray(19), (row) => rows.push(row));
  return rows;
}

describe("l7 rows", () => {
  it("decodes the fixture's rows", () => {
    const [client, server] = fixtureRows().map((bytes) => decodeL7Row(bytes));
    assert.ok(client && server);
    assert.equal(client.tapSide, 41);
    assert.equal(server.tapSide, 42);
    assert.equal(client.startTimeNs, 1_700_000_000_000_000_000n);
    assert.equal(client.requestTcpSeq, 1001);
    assert.equal(client.processName0, "curl");
    assert.equal(client.requestBytes, 120);
    assert.equal(client.code, 200);
    assert.equal(client.traceId, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert.equal(client.xRequestId0, "xr-1");
    assert.equal(client.epcId1, -2);
  });

  it("encodes the fixture's rows into the same bytes", () => {
    for (const bytes of fixtureRows()) {
      const row = decodeL7Row(bytes);
      assert.ok(row);
      assert.deepEqual(Buffer.from(encodeL7Row(row)), Buffer.from(bytes));
    }
  });

  it("agrees with the generated code on any row", () => {
    const base = emptyRow();
    const arbitraries = Object.fromEntries(
      Object.entries(base).map(([key, value]) => {
        if (typeof value === "bigint") return [key, fc.bigInt(0n, 2n ** 64n - 1n)];
        if (typeof value === "string") return [key, fc.string({ unit: "grapheme", maxLength: 200 })];
        if (typeof value === "boolean") return [key, fc.boolean()];
        if (value instanceof Uint8Array) return [key, fc.uint8Array({ maxLength: 16 })];
        if (Array.isArray(value)) return [key, fc.array(fc.string({ maxLength: 300 }), { maxLength: 4 })];
        if (/^(epcId.|requestBytes|responseBytes|code)$/.test(key)) return [key, fc.integer()];
        return [key, fc.nat({ max: 0xffffffff })];
      }),
    );
    fc.assert(
      fc.property(fc.record(arbitraries), (fields) => {
        const row = { ...base, ...fields } as L7Row;
        const bytes = encodeL7Row(row);
        const message = fromBinary(AppProtoLogsDataSchema, bytes);
        assert.equal(message.$unknown, undefined);
        assert.deepEqual(decodeL7Row(toBinary(AppProtoLogsDataSchema, message)), row);
      }),
      { numRuns: 300 },
    );
  });

  it("takes any bytes without throwing", () => {
    const rows = fixtureRows();
    fc.assert(
      fc.property(
        fc.nat(rows.length - 1),
        fc.nat(300),
        fc.nat(255),
        fc.uint8Array({ maxLength: 64 }),
        (which, at, byte, tail) => {
          const bytes = Uint8Array.from([...(rows[which] ?? []), ...tail]);
          bytes[at % bytes.length] = byte;
          decodeL7Row(bytes);
          decodeL7Row(bytes.subarray(0, at));
          decodeL7Row(tail);
        },
      ),
    );
    assert.equal(decodeL7Row(Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f)), undefined);
    assert.equal(decodeL7Row(new Uint8Array(0)), undefined);
  });
});
