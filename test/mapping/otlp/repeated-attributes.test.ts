import assert from "node:assert/strict";
import fc from "fast-check";
import { writeAttributes } from "../../../src/mapping/otlp/attributes.ts";
import { RepeatedAttributes } from "../../../src/mapping/otlp/repeated-attributes.ts";
import { ReverseWriter } from "../../../src/mapping/otlp/reverse-writer.ts";
import type { Attribute } from "../../../src/mapping/span.ts";

const FIELD_TAG = 0x4a;

describe("RepeatedAttributes", () => {
  it("writes what writeAttributes writes, whatever came again", () => {
    // Few keys and values: lists that have much, little and nothing in common, in order and not, with keys twice.
    const attribute = fc.tuple(
      fc.constantFrom("a", "url.path", "server.port", "größe"),
      fc.constantFrom<Attribute[1]>("", "x".repeat(70), 0, -0, Number.NaN, 1, 1n, true, "1"),
    );
    const lists = fc.array(fc.array(attribute, { maxLength: 8 }), { maxLength: 8 });
    fc.assert(
      fc.property(lists, fc.nat(8), (spans, clearedAt) => {
        const [plain, repeating] = [new ReverseWriter(16), new ReverseWriter(16)];
        const repeated = new RepeatedAttributes(FIELD_TAG);
        for (const [index, attributes] of spans.entries()) {
          if (index === clearedAt) {
            plain.clear();
            repeating.clear();
            repeated.forget();
          }
          plain.byte(index);
          repeating.byte(index);
          writeAttributes(plain, FIELD_TAG, attributes);
          repeated.write(repeating, attributes);
          assert.deepEqual(repeating.slice(), plain.slice());
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("finds again what follows an attribute that one of two spans lacks", () => {
    const writer = new ReverseWriter();
    const repeated = new RepeatedAttributes(FIELD_TAG);
    const whole: Attribute[] = [
      ["a", 1],
      ["b", "two"],
      ["c", "three"],
    ];
    const shorter = whole.filter(([key]) => key !== "b");
    for (const attributes of [whole, shorter, whole]) {
      const expected = new ReverseWriter();
      writeAttributes(expected, FIELD_TAG, attributes);
      const before = writer.length;
      repeated.write(writer, attributes);
      assert.deepEqual(writer.slice(0, writer.length - before), expected.slice());
    }
  });
});
