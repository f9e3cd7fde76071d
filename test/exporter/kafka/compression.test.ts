import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { compressLz4 } from "../../../src/exporter/kafka/lz4.ts";
import { compressSnappy } from "../../../src/exporter/kafka/snappy.ts";
import { unpackSnappy } from "../../../src/mapping/compression/snappy.ts";

/** By lz4_Frame_format.md and lz4_Block_format.md, and strict about their end conditions. */
function unpackLz4(frame: Buffer): Buffer {
  assert.deepEqual([...frame.subarray(0, 7)], [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
  const blocks: Buffer[] = [];
  for (let at = 7; ; ) {
    const size = frame.readUInt32LE(at);
    at += 4;
    if (size === 0) {
      assert.equal(at, frame.length);
      return Buffer.concat(blocks);
    }
    const length = size & 0x7fff_ffff;
    const block = frame.subarray(at, at + length);
    assert.equal(block.length, length);
    blocks.push(size > 0x7fff_ffff ? block : unpackBlock(block));
    at += length;
  }
}

function unpackBlock(block: Buffer): Buffer {
  const output: number[] = [];
  let at = 0;
  const more = (nibble: number) => {
    let length = nibble;
    for (let byte = nibble === 15 ? 255 : 0; byte === 255; length += byte) byte = block[at++]!;
    return length;
  };
  for (;;) {
    const token = block[at++]!;
    const literals = more(token >> 4);
    output.push(...block.subarray(at, at + literals));
    at += literals;
    if (at === block.length) return Buffer.from(output);
    const distance = block.readUInt16LE(at);
    at += 2;
    assert.ok(distance > 0 && distance <= output.length);
    const length = more(token & 15) + 4;
    for (let i = 0; i < length; i++) output.push(output[output.length - distance]!);
    assert.ok(block.length - at >= 6, "the last five bytes are literals");
  }
}

describe("compression of Kafka's batches", () => {
  const samples: readonly (readonly [string, Buffer])[] = [
    ["nothing", Buffer.alloc(0)],
    ["one byte", Buffer.from("a")],
    ["a few", Buffer.from("abcabcabcabc")],
    ["zeros", Buffer.alloc(300_000)],
    ["words", Buffer.from("GET /index.html 200 service.name shop ".repeat(5_000))],
    ["noise", randomBytes(200_000)],
    ["a far repetition", Buffer.concat([randomBytes(70_000), Buffer.alloc(70_000, "ab"), randomBytes(100)])],
  ];
  for (const [name, bytes] of samples) {
    it(`gives back ${name}`, () => {
      assert.ok(unpackLz4(compressLz4(bytes)).equals(bytes), "lz4");
      assert.ok(Buffer.from(unpackSnappy(compressSnappy(bytes), bytes.length) ?? []).equals(bytes), "snappy");
    });
  }

  it("makes words small and noise hardly larger", () => {
    const words = samples[4]![1];
    const noise = samples[5]![1];
    for (const pack of [compressLz4, compressSnappy]) {
      assert.ok(pack(words).length < words.length / 10);
      assert.ok(pack(noise).length < noise.length * 1.01);
    }
  });

  it("gives back whatever it is given", () => {
    const piece = fc.uint8Array({ maxLength: 40 });
    const repeated = fc.array(fc.tuple(piece, fc.nat(40)), { maxLength: 12 });
    fc.assert(
      fc.property(repeated, (pieces) => {
        const bytes = Buffer.concat(pieces.flatMap(([each, times]) => Array<Uint8Array>(times).fill(each)));
        assert.ok(unpackLz4(compressLz4(bytes)).equals(bytes));
        assert.ok(Buffer.from(unpackSnappy(compressSnappy(bytes), bytes.length) ?? []).equals(bytes));
      }),
    );
  });
});
