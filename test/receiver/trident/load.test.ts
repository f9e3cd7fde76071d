/** Many agents at once, and one of them too loud. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { emptyRow, RowKind, TapSide } from "../../../src/mapping/trident/rows/l7-row.ts";
import { encodeL7Row } from "../../../src/mapping/trident/rows/l7-row-encode.ts";
import { encodeFrame, FrameEncoder } from "../../../src/mapping/trident/wire/frame.ts";
import { joinRecords } from "../../../src/mapping/trident/wire/records.ts";
import { FrameHandler } from "../../../src/receiver/trident/frame-handler.ts";
import { Ingester } from "../../../src/receiver/trident/ingester.ts";
import { compressBody, prepareCompression } from "../../../src/trident/compression.ts";
import { eventually } from "../../support/eventually.ts";

const AGENTS = 1000;
const ROWS = 100;
const LOUD_FRAMES = 50;
const MAX_ROWS = 20_000;

function frame(agentId: number, first: number): Uint8Array {
  const rows = Array.from({ length: ROWS }, (_, index) =>
    encodeL7Row({
      ...emptyRow(),
      kind: RowKind.session,
      protocol: 20,
      tapSide: TapSide.clientProcess,
      processId0: agentId,
      requestTcpSeq: agentId * 1_000_003 + first + index + 1,
      startTimeNs: 1n,
      endTimeNs: 2n,
    }),
  );
  const body = compressBody(FrameEncoder.zstd, joinRecords(rows));
  return encodeFrame({ type: 5, encoder: FrameEncoder.zstd, teamId: 1, organizationId: 1, agentId }, body);
}

describe("a thousand agents", () => {
  it("are read within bounds; the loud one loses its own rows and nobody else's", async function () {
    this.timeout(60_000);
    await prepareCompression();
    let spans = 0;
    const handler = new FrameHandler({
      settleNs: 60e9,
      maxRows: MAX_ROWS,
      maxUnfoldedBytes: 1 << 20,
      maxRowsPerSecondPerAgent: 5 * ROWS,
      hostOf: () => undefined,
      profiles: () => {},
      now: () => 0,
      spans: (more) => {
        spans += more.length;
      },
    });
    const ingester = new Ingester({
      host: "127.0.0.1",
      port: 0,
      maxFrameBytes: 1 << 20,
      maxConnections: AGENTS + 10,
      stallMs: 60_000,
      idleMs: 60_000,
      handler,
    });
    await ingester.start();
    try {
      const port = ingester.port ?? 0;
      await Promise.all(
        Array.from({ length: AGENTS }, (_, index) => {
          const agentId = index + 1;
          const frames = agentId === 1 ? LOUD_FRAMES : 1;
          return new Promise<void>((resolve, reject) => {
            const socket = connect({ host: "127.0.0.1", port }, () => {
              for (let sent = 0; sent < frames; sent++) socket.write(frame(agentId, sent * ROWS));
              socket.end();
            });
            socket.on("close", () => resolve()).on("error", reject);
          });
        }),
      );
      const total = (AGENTS - 1 + LOUD_FRAMES) * ROWS;
      await eventually(() => handler.records.in >= total);
      assert.equal(handler.records.lost.get("agent_rate"), (LOUD_FRAMES - 5) * ROWS);
      assert.equal(handler.records.out, (AGENTS - 1 + 5) * ROWS);
      assert.equal(handler.joiner.heldRows, MAX_ROWS);
      handler.joiner.flush();
      assert.equal(spans, handler.records.out);
      assert.equal(ingester.connections.lost.size, 0);
    } finally {
      await ingester.shutdown();
    }
  });
});
