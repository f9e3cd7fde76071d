import assert from "node:assert/strict";
import { EventKind, LAYOUT, ProcessAction } from "../../../src/bpf/layout.gen.ts";
import { forEachRecord, recordSpan } from "../../../src/bpf/ring-records.ts";
import { processNews } from "../../../src/receiver/socket-trace/process-news.ts";

const { sizeBytes, offsets } = LAYOUT.process_event;

function records(...all: { kind: number; action?: number; tgid: number; lengthBytes?: number }[]): DataView {
  const spans = all.map(({ lengthBytes = sizeBytes }) => recordSpan(lengthBytes));
  const view = new DataView(new ArrayBuffer(spans.reduce((sum, span) => sum + span, 0)));
  let at = 0;
  for (const [index, { kind, action = 0, tgid, lengthBytes = sizeBytes }] of all.entries()) {
    view.setUint32(at, lengthBytes, true);
    view.setUint32(at + 8, kind, true);
    view.setUint32(at + 8 + LAYOUT.event_header.offsets.tgid, tgid, true);
    view.setUint32(at + 8 + offsets.action, action, true);
    at += spans[index]!;
  }
  return view;
}

describe("processNews", () => {
  it("finds programs that begin among all else, as they lay there", () => {
    const view = records(
      { kind: EventKind.socketData, tgid: 1, lengthBytes: 300, action: ProcessAction.exec },
      { kind: EventKind.process, tgid: 2, action: ProcessAction.fork },
      { kind: EventKind.process, tgid: 2, action: ProcessAction.exec, lengthBytes: sizeBytes + 512 },
      { kind: EventKind.process, tgid: 3, action: ProcessAction.exit },
      { kind: EventKind.socketState, tgid: 4, lengthBytes: 128 },
    );
    const news = processNews(view, view.byteLength)!;
    const found: number[][] = [];
    const copy = new DataView(news.buffer);
    forEachRecord(copy, news.length, (offset, lengthBytes) =>
      found.push([copy.getUint32(offset + LAYOUT.event_header.offsets.tgid, true), lengthBytes]),
    );
    assert.deepEqual(found, [
      [2, sizeBytes],
      [2, sizeBytes + 512],
    ]);
  });

  it("says nothing where none begins, and reads no shorter record", () => {
    const view = records(
      { kind: EventKind.socketData, tgid: 1, lengthBytes: 300 },
      { kind: EventKind.process, tgid: 3, action: ProcessAction.exec, lengthBytes: 40 },
    );
    assert.equal(processNews(view, view.byteLength), undefined);
  });
});
