import assert from "node:assert/strict";
import { type ByteSource, isReadable } from "../../../src/receiver/elf/byte-source.ts";
import { KnownFiles } from "../../../src/receiver/runtimes/known-files.ts";

const GNU_NOTE = Buffer.from("\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0", "latin1");

function content(build: number, sizeBytes = 100_000): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes; at++) bytes[at] = (at * 31 + build) & 0xff;
  GNU_NOTE.copy(bytes, 800);
  bytes.fill(build, 816, 836);
  return bytes;
}

class File implements ByteSource {
  readonly reads: [number, number][] = [];
  readonly #bytes: Buffer;
  isGone = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  read(offset: number, lengthBytes: number): Promise<Uint8Array> {
    this.reads.push([offset, lengthBytes]);
    return Promise.resolve(this.isGone ? Buffer.alloc(0) : this.#bytes.subarray(offset, offset + lengthBytes));
  }
}

describe("KnownFiles", () => {
  it("gives what the file has, wherever a read begins and ends", async () => {
    const bytes = content(1);
    const file = await new KnownFiles().open("08:01 5", new File(bytes));
    for (const [offset, length] of [
      [0, 64],
      [16_380, 10],
      [16_384, 16_384],
      [30_000, 16_000],
      [99_990, 100],
      [200_000, 10],
      [10, 70_000],
    ] as const)
      assert.deepEqual(Buffer.from(await file.read(offset, length)), bytes.subarray(offset, offset + length));
  });

  it("reads but the beginning of a program's file at its second start", async () => {
    const files = new KnownFiles();
    const wanted = async (source: ByteSource) => {
      const file = await files.open("08:01 5", source);
      return Buffer.concat([await file.read(40, 64), await file.read(90_000, 20_000), await file.read(99_000, 500)]);
    };
    const first = await wanted(new File(content(1)));
    const again = new File(content(1));
    assert.deepEqual(await wanted(again), first);
    assert.deepEqual(again.reads, [[0, 16_384]]);
  });

  it("believes no other file that begins the same, nor the same file of another build, nor one without the id of a build", async () => {
    const files = new KnownFiles();
    const read = async (inode: string, bytes: Buffer) => {
      const file = await files.open(inode, new File(bytes));
      return Buffer.from(await file.read(50_000, 8));
    };
    const known = content(1);
    await read("08:01 5", known);
    const copy = Buffer.from(known);
    copy.fill(0xee, 50_000, 50_008);
    assert.deepEqual(await read("08:01 6", copy), copy.subarray(50_000, 50_008));
    const rebuilt = content(2);
    assert.deepEqual(await read("08:01 5", rebuilt), rebuilt.subarray(50_000, 50_008));
    for (const byte of [1, 2]) {
      const plain = Buffer.alloc(100_000, 0);
      plain.fill(byte, 50_000);
      assert.deepEqual(await read("08:01 7", plain), plain.subarray(50_000, 50_008));
    }
  });

  it("keeps nothing of a process that went while it was read", async () => {
    const files = new KnownFiles();
    const source = new File(content(1));
    const file = await files.open("08:01 5", source);
    source.isGone = true;
    assert.equal((await file.read(50_000, 8)).length, 0);
    const other = await files.open("08:01 5", new File(content(1)));
    assert.deepEqual(Buffer.from(await other.read(50_000, 8)), content(1).subarray(50_000, 50_008));
  });

  it("says whether the process is still there, whatever is kept of its file", async () => {
    const source = new File(content(1));
    const file = await new KnownFiles().open("08:01 5", source);
    assert.equal(await isReadable(file), true);
    source.isGone = true;
    assert.equal((await file.read(0, 64)).length, 64);
    assert.equal(await isReadable(file), false);
  });

  it("holds no more than its limit, whatever is read", async () => {
    const files = new KnownFiles();
    for (let build = 0; build < 20; build++) {
      const file = await files.open(`08:01 ${build}`, new File(content(build, 3 << 20)));
      for (let at = 0; at < 6 << 20; at += 200_000) await file.read(at, 200_000);
      assert.ok(files.heldBytes <= 8 << 20, `${files.heldBytes}`);
    }
    assert.ok(files.heldBytes > 4 << 20);
  });
});
