import assert from "node:assert/strict";
import {
  contextMappings,
  decodeProcessContext,
  readProcessContext,
} from "../../../src/receiver/otel-context/process-context.ts";
import { nameThreadAttributes, readThreadAttributes } from "../../../src/receiver/otel-context/thread-attributes.ts";
import { parseMappings } from "../../../src/receiver/runtimes/parse-mappings.ts";

const field = (number: number, bytes: Uint8Array) => Buffer.from([(number << 3) | 2, bytes.length, ...bytes]);
const text = (value: string) => field(1, Buffer.from(value));
const keyValue = (key: string, value: Uint8Array) => Buffer.concat([text(key), field(2, value)]);
const NAME = keyValue("service.name", text("checkout"));
const KEYS = keyValue(
  "threadlocal.attribute_key_map",
  field(5, Buffer.concat(["http.route", "user.id"].map((key) => field(1, text(key))))),
);
const CONTEXT = Buffer.concat([field(1, field(1, NAME)), field(2, KEYS)]);

/** A process whose memory is a header at 0x1000 and its payload at 0x2000. */
function published(payload: Uint8Array, change: (header: Buffer, read: number) => void = () => {}) {
  let reads = 0;
  return async (address: number, lengthBytes: number) => {
    if (address === 0x2000) return payload.subarray(0, lengthBytes);
    const header = Buffer.alloc(32);
    header.write("OTEL_CTX", 0, "latin1");
    header.writeUInt32LE(2, 8);
    header.writeUInt32LE(payload.length, 12);
    header.writeBigUInt64LE(77n, 16);
    header.writeBigUInt64LE(0x2000n, 24);
    change(header, reads++);
    return header;
  };
}

describe("process context", () => {
  it("is found under each of the names that the kernel gives its mapping", () => {
    const maps = parseMappings(
      [
        "7f0000000000-7f0000001000 rw-p 00000000 00:01 12                         /memfd:OTEL_CTX (deleted)",
        "7f0000002000-7f0000003000 r--p 00000000 00:00 0                          [anon:OTEL_CTX]",
        "7f0000004000-7f0000005000 rw-s 00000000 00:01 14                         [anon_shmem:OTEL_CTX]",
        "7f0000006000-7f0000007000 rw-p 00000000 08:01 15                         /tmp/OTEL_CTX",
      ].join("\n"),
    );
    assert.deepEqual(
      contextMappings(maps).map(({ start }) => start),
      [0x7f0000000000, 0x7f0000002000, 0x7f0000004000],
    );
  });

  it("says the resource, and names for attributes of threads, which stay between processes", async () => {
    assert.deepEqual(await readProcessContext(0x1000, published(CONTEXT), undefined), {
      publishedAtNs: 77n,
      resource: [["service.name", "checkout"]],
      threadKeys: ["http.route", "user.id"],
    });
  });

  it("may be a Resource, as before the message was defined", () => {
    const { resource, threadKeys } = decodeProcessContext(Buffer.concat([field(1, NAME), field(1, KEYS)]));
    assert.deepEqual(resource, [["service.name", "checkout"]]);
    assert.deepEqual(threadKeys, ["http.route", "user.id"]);
  });

  it("has numbers and booleans", () => {
    const double = Buffer.alloc(9);
    double[0] = (4 << 3) | 1;
    double.writeDoubleLE(2.5, 1);
    const values = [
      ["flag", Buffer.from([0x10, 1])],
      ["count", Buffer.from([0x18, 42])],
      ["share", double],
      ["list", field(5, field(1, text("left out")))],
    ] as const;
    const payload = field(1, Buffer.concat(values.map(([key, value]) => field(1, keyValue(key, value)))));
    assert.deepEqual(decodeProcessContext(payload).resource, [
      ["flag", true],
      ["count", 42],
      ["share", 2.5],
    ]);
  });

  it("is not read again while it is the same, and not while it is being written", async () => {
    const known = await readProcessContext(0x1000, published(CONTEXT), undefined);
    assert.equal(await readProcessContext(0x1000, published(Buffer.from([1])), known), known);
    const writing = published(CONTEXT, (header) => header.writeBigUInt64LE(0n, 16));
    assert.equal(await readProcessContext(0x1000, writing, undefined), undefined);
    const torn = published(CONTEXT, (header, read) => header.writeBigUInt64LE(BigInt(100 + read), 16));
    assert.equal(await readProcessContext(0x1000, torn, undefined), undefined);
  });

  it("of a stranger is refused with another signature, version or size, and never throws", async () => {
    const changes: ((header: Buffer) => void)[] = [
      (header) => header.write("OTEL_ctx", 0, "latin1"),
      (header) => header.writeUInt32LE(3, 8),
      (header) => header.writeUInt32LE(1 << 30, 12),
      (header) => header.writeBigUInt64LE(2n ** 63n, 24),
    ];
    for (const change of changes) {
      assert.equal(await readProcessContext(0x1000, published(CONTEXT, change), undefined), undefined);
    }
    for (let length = 0; length < CONTEXT.length; length++) decodeProcessContext(CONTEXT.subarray(0, length));
    for (let at = 0; at < CONTEXT.length; at++) {
      const damaged = Buffer.from(CONTEXT);
      damaged[at] = 0xff;
      decodeProcessContext(damaged);
    }
  });
});

describe("attributes of a thread context", () => {
  it("have names by index, the last of one index counts, and what does not fit ends them", () => {
    const bytes = Buffer.from([0, 2, 0x2f, 0x61, 1, 1, 0x78, 0, 2, 0x2f, 0x62, 7, 1, 0x3f, 1, 9, 0x79]);
    assert.deepEqual(nameThreadAttributes(readThreadAttributes(bytes), ["http.route", "user.id"]), [
      ["http.route", "/b"],
      ["user.id", "x"],
    ]);
  });
});
