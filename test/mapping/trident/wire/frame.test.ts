import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import {
  decodeFrameHeader,
  encodeFrame,
  FrameEncoder,
  type FrameHeader,
  HEADER_BYTES,
} from "../../../../src/mapping/trident/wire/frame.ts";
import { FrameReader } from "../../../../src/mapping/trident/wire/frame-reader.ts";
import { eachRecord, joinRecords } from "../../../../src/mapping/trident/wire/records.ts";
import { compressBody, decompressBody, prepareCompression } from "../../../../src/trident/compression.ts";

const FOLDER = "test/fixtures/trident/";
const MAX_BYTES = 1 << 20;
const files = readdirSync(FOLDER).filter((file) => file.startsWith("frame-"));
const HEADER = { type: 5, encoder: 0, teamId: 1, organizationId: 1, agentId: 7 };

interface Frame {
  readonly header: FrameHeader;
  readonly body: Uint8Array;
}

function readAll(chunks: readonly Uint8Array[]): { frames: Frame[]; fault: string | undefined } {
  const reader = new FrameReader(MAX_BYTES);
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    const fault = reader.push(chunk, (header, body) => frames.push({ header, body: Uint8Array.from(body) }));
    if (fault !== undefined) return { frames, fault };
  }
  return { frames, fault: undefined };
}

describe("data-plane frames", () => {
  before(() => prepareCompression());

  for (const file of files) {
    it(`${file}: header, body and back`, () => {
      const bytes = readFileSync(FOLDER + file);
      const { frames } = readAll([bytes]);
      assert.equal(frames.length, 1);
      const { header, body } = frames[0] as Frame;
      assert.deepEqual(
        { ...header, type: 0, encoder: 0 },
        { frameBytes: bytes.length, type: 0, encoder: 0, teamId: 1, organizationId: 1, agentId: 7 },
      );
      assert.deepEqual(Buffer.from(encodeFrame(header, body)), bytes);
      const unfolded = decompressBody(header.encoder, body, MAX_BYTES);
      assert.ok(unfolded);
      const raw = readFileSync(FOLDER + file.replace(/-\w+\.bin$/, "-raw.bin")).subarray(HEADER_BYTES);
      assert.deepEqual(Buffer.from(unfolded), raw);
      const records: Uint8Array[] = [];
      assert.ok(eachRecord(unfolded, (record) => records.push(record)));
      assert.deepEqual(Buffer.from(joinRecords(records)), raw);
    });
  }

  it("reads the same frames for any split", () => {
    const stream = Buffer.concat(files.map((file) => readFileSync(FOLDER + file)));
    const whole = readAll([stream]).frames;
    assert.equal(whole.length, files.length);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 40 }), (cuts) => {
        const sorted = [0, ...cuts.sort((a, b) => a - b), stream.length];
        const chunks = sorted.slice(1).map((end, index) => stream.subarray(sorted[index], end));
        assert.deepEqual(readAll(chunks).frames, whole);
      }),
    );
    assert.deepEqual(readAll([...stream].map((byte) => Uint8Array.of(byte))).frames, whole);
  });

  it("refuses what can't be a frame, and nothing after it", () => {
    const good = encodeFrame(HEADER, new Uint8Array(3));
    const huge = Uint8Array.from(good);
    huge.set([0xff, 0xff, 0xff, 0xff]);
    const short = Uint8Array.from(good);
    short.set([0, 0, 0, 18]);
    const unknown = encodeFrame({ ...HEADER, type: 99 }, new Uint8Array(3));
    assert.deepEqual(readAll([good, huge, good]), { ...readAll([good]), fault: "frame_too_long" });
    assert.equal(readAll([short]).fault, "frame_too_short");
    assert.equal(readAll([unknown]).fault, "unknown_type");
    assert.equal(readAll([Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n")]).fault, "unknown_type");
  });

  it("holds no more than what has come of a long frame", () => {
    const reader = new FrameReader(1 << 24);
    const frame = encodeFrame(HEADER, new Uint8Array(1 << 23));
    assert.equal(
      reader.push(frame.subarray(0, 100), () => assert.fail()),
      undefined,
    );
    assert.equal(reader.heldBytes, 100);
  });

  it("reads headers of senders before 6.5.9", () => {
    const bytes = new Uint8Array(HEADER_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, HEADER_BYTES);
    view.setUint8(4, 5);
    view.setUint32(5, 20220117, true);
    view.setUint16(17, 42, true);
    const header = decodeFrameHeader(bytes, 0);
    assert.equal(header.agentId, 42);
    assert.equal(header.teamId, 1);
    assert.equal(header.encoder, FrameEncoder.raw);
  });

  it("compresses and unfolds with each encoder, within the limit", () => {
    const body = Buffer.from("session ".repeat(10_000));
    for (const encoder of Object.values(FrameEncoder)) {
      const packed = compressBody(encoder, body);
      assert.deepEqual(Buffer.from(decompressBody(encoder, packed, MAX_BYTES) ?? []), body);
      if (encoder === FrameEncoder.raw) continue;
      assert.ok(packed.length < body.length / 10);
      assert.equal(decompressBody(encoder, packed, body.length - 1), undefined);
      assert.equal(decompressBody(encoder, packed.subarray(0, packed.length - 9), MAX_BYTES), undefined);
      assert.equal(decompressBody(encoder, Buffer.from("garbage garbage garbage"), MAX_BYTES), undefined);
    }
    assert.equal(decompressBody(9, body, MAX_BYTES), undefined);
  });

  it("refuses a zstd frame that declares more than the limit before making room for it", () => {
    const bomb = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0);
    assert.equal(decompressBody(FrameEncoder.zstd, bomb, MAX_BYTES), undefined);
  });
});
