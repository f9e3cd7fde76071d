import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { DiskQueue } from "../../../src/exporter/storage/disk-queue.ts";
import { RecordingLog } from "../../support/recording-log.ts";
import { Scratch } from "../../support/scratch.ts";

describe("disk queue", () => {
  let scratch: Scratch;
  let log: RecordingLog;
  beforeEach(async () => {
    scratch = await Scratch.create();
    log = new RecordingLog();
  });
  afterEach(() => scratch.cleanUp());

  const open = (format = "proto", segmentBytes?: number) =>
    new DiskQueue({ folder: scratch.folder, format, fsync: true, log, ...(segmentBytes && { segmentBytes }) });
  const put = (queue: DiskQueue, text: string, itemCount = 1) => {
    const body = Buffer.from(text);
    const stored = queue.put({ body, itemCount, sizeBytes: body.length });
    assert.ok(stored !== undefined);
    return stored;
  };
  const textsOf = (queue: DiskQueue) => queue.earlier.map((each) => String(Buffer.from(queue.read(each) ?? "damaged")));
  const files = () => readdirSync(scratch.folder).sort();

  it("gives another run what was not finished, oldest first, and deletes what was", () => {
    const first = open();
    const [, second] = ["one", "two", "three"].map((text) => put(first, text, text.length));
    first.remove(second!);
    // Killed: nothing is closed.
    const again = open();
    assert.deepEqual(textsOf(again), ["one", "three"]);
    assert.deepEqual(
      again.earlier.map(({ itemCount, sizeBytes }) => [itemCount, sizeBytes]),
      [
        [3, 3],
        [5, 5],
      ],
    );
    for (const each of again.earlier) again.remove(each);
    again.close();
    assert.deepEqual(files(), []);
  });

  it("goes on behind what an earlier run has left", () => {
    put(open(), "old");
    const second = open();
    put(second, "new");
    assert.deepEqual(textsOf(open()), ["old", "new"]);
  });

  it("leaves no file behind of a run that has sent everything", () => {
    const queue = open("proto", 64);
    const stored = Array.from({ length: 10 }, (_, number) => put(queue, `request ${number}`));
    assert.ok(files().length > 4, "more than one segment");
    for (const each of stored.reverse()) queue.remove(each);
    queue.close();
    assert.deepEqual(files(), []);
  });

  it("reads what is whole of a file that was cut in the middle of a write", () => {
    const queue = open();
    put(queue, "whole");
    const whole = readFileSync(scratch.path("00000001.queue")).length;
    put(queue, "this one is cut");
    const { length } = readFileSync(scratch.path("00000001.queue"));
    for (let size = length - 1; size >= whole; size--) {
      truncateSync(scratch.path("00000001.queue"), size);
      assert.deepEqual(textsOf(open()), ["whole"], `cut at ${size}`);
    }
    assert.equal(log.records[0]?.message, "a file of the disk queue ends in the middle");
    assert.ok(log.records.length < length - whole, "at the end of a request nothing is missing");
  });

  it("knows a request whose bytes have changed", () => {
    const queue = open();
    put(queue, "damaged by the disk");
    put(queue, "whole");
    const path = scratch.path("00000001.queue");
    const bytes = readFileSync(path);
    bytes[bytes.indexOf("damaged")]! ^= 1;
    writeFileSync(path, bytes);
    assert.deepEqual(textsOf(open()), ["damaged", "whole"]);
    assert.equal(log.records.at(-1)?.fields["reason"], "its checksum is wrong");
  });

  it("sets aside what is none of its files, and requests in another format, and counts those", () => {
    writeFileSync(scratch.path("00000001.queue"), "something else that is longer than a header");
    const queue = open("json");
    put(queue, "{}", 7);
    const other = open("proto");
    assert.deepEqual(other.earlier, []);
    assert.equal(other.damagedItems, 7);
    assert.ok(existsSync(scratch.path("00000001.queue.unreadable")));
    assert.ok(existsSync(scratch.path("00000002.queue.unreadable")));
    put(other, "new");
    assert.deepEqual(textsOf(open()), ["new"]);
  });

  it("takes any bytes for a file without harm", () => {
    for (let size = 0; size < 200; size++) {
      writeFileSync(scratch.path("00000001.queue"), Buffer.alloc(size, size));
      assert.deepEqual(open().earlier, []);
    }
  });
});
