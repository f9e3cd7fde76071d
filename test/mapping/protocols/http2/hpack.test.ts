import assert from "node:assert/strict";
import { createRequire } from "node:module";
import fc from "fast-check";
import { HpackDecoder } from "../../../../src/mapping/protocols/http2/hpack.ts";

/** The oracle: hpack.js has no types. */
const { compressor } = createRequire(import.meta.url)("hpack.js") as {
  compressor: {
    create(options: { table: { size: number } }): {
      write(headers: readonly { name: string; value: string; neverIndex?: boolean }[]): void;
      read(): Buffer | null;
    };
  };
};

const header = fc.record({
  name: fc.constantFrom(":path", ":authority", "content-type", "x-a", "x-b", "cookie", "grpc-status"),
  value: fc.oneof(
    // The oracle looks values up in a plain object, where these names are always there.
    fc.string({ unit: "binary-ascii", maxLength: 40 }).filter((value) => !(value in Object.prototype)),
    fc.constantFrom("", "/", "application/grpc", "0"),
  ),
});
const blocks = fc.array(fc.array(header, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 8 });

function encoded(all: readonly { name: string; value: string }[][]): Uint8Array[] {
  const encoder = compressor.create({ table: { size: 4096 } });
  return all.map((headers) => {
    encoder.write(headers);
    const parts: Buffer[] = [];
    for (let part = encoder.read(); part !== null; part = encoder.read()) parts.push(part);
    return Buffer.concat(parts);
  });
}

describe("HPACK", () => {
  it("reads what hpack.js wrote", () => {
    fc.assert(
      fc.property(blocks, (all) => {
        const decoder = new HpackDecoder(true);
        encoded(all).forEach((bytes, index) => {
          const wanted = all[index]!.map(({ name, value }) => ({ name, value }));
          assert.deepEqual(decoder.decode(bytes, 0, bytes.length), wanted);
        });
      }),
    );
  });

  it("shows what it can't know as unknown, and never as something else", () => {
    fc.assert(
      fc.property(blocks, fc.nat(), (all, start) => {
        const decoder = new HpackDecoder(false);
        const from = start % all.length;
        encoded(all).forEach((bytes, index) => {
          if (index < from) return;
          const fields = decoder.decode(bytes, 0, bytes.length)!;
          assert.equal(fields.length, all[index]!.length);
          fields.forEach(({ name, value }, at) => {
            const wanted = all[index]![at]!;
            assert.ok(name === undefined || name === wanted.name);
            assert.ok(value === undefined || value === wanted.value);
          });
        });
      }),
    );
  });

  it("reads the examples of RFC 7541 C.4 and C.6", () => {
    const decoder = new HpackDecoder(true);
    const read = (hex: string): unknown => {
      const bytes = Buffer.from(hex.replace(/ /g, ""), "hex");
      return decoder.decode(bytes, 0, bytes.length)?.map(({ name, value }) => `${name}: ${value}`);
    };
    assert.deepEqual(read("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"), [
      ":method: GET",
      ":scheme: http",
      ":path: /",
      ":authority: www.example.com",
    ]);
    assert.deepEqual(read("8286 84be 5886 a8eb 1064 9cbf"), [
      ":method: GET",
      ":scheme: http",
      ":path: /",
      ":authority: www.example.com",
      "cache-control: no-cache",
    ]);
  });

  it("refuses what is no header block", () => {
    for (const hex of ["80", "ff", "40", "4085ff", "be", "0005"]) {
      const bytes = Buffer.from(hex, "hex");
      assert.equal(new HpackDecoder(true).decode(bytes, 0, bytes.length), undefined, hex);
    }
  });
});
