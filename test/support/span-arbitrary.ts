import fc from "fast-check";
import type { Attribute, Span } from "../../src/mapping/span.ts";
import { SpanKind, StatusCode } from "../../src/mapping/span.ts";
import { makeResource } from "./spans.ts";

/** Any spans that the type allows, with every kind of attribute value and any text (`unit: "binary"`: any code point). */

const text = fc.string({ unit: "binary", maxLength: 100 });
// A key that looks like a number would change its place in the object that the oracle takes.
const attribute: fc.Arbitrary<Attribute> = fc.tuple(
  text.map((key) => `k${key}`),
  fc.oneof(
    text,
    fc.maxSafeInteger(),
    fc.double(),
    fc.boolean(),
    fc.bigInt({ min: -(2n ** 53n) + 1n, max: 2n ** 53n - 1n }),
    fc.array(text, { maxLength: 4 }),
    fc.array(fc.maxSafeInteger(), { maxLength: 4 }),
    fc.array(fc.constantFrom(0.5, -1.25, 1e300, Number.POSITIVE_INFINITY), { maxLength: 4 }),
  ),
);
const attributes = fc.uniqueArray(attribute, { selector: ([key]) => key, maxLength: 6 });
const id = (digits: number) =>
  fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: digits, maxLength: digits })
    .map((values) => values.map((value) => value.toString(16)).join(""));
const time = fc.bigInt({ min: 0n, max: 2n ** 63n });
const resources = ["shop", "cart", "pay"].map(makeResource);

export const arbitrarySpan: fc.Arbitrary<Span> = fc.record({
  traceId: id(32),
  spanId: id(16),
  parentSpanId: fc.option(id(16), { nil: undefined }),
  traceState: fc.option(fc.constantFrom("a=1", "a=1,b=2"), { nil: undefined }),
  flags: fc.constantFrom(0x101, 0x100),
  kind: fc.constantFrom(...Object.values(SpanKind)),
  name: text,
  startTimeUnixNano: time,
  endTimeUnixNano: time,
  attributes,
  events: fc.array(fc.record({ timeUnixNano: time, name: text, attributes }), { maxLength: 3 }),
  links: fc.array(fc.record({ traceId: id(32), spanId: id(16), attributes }), { maxLength: 3 }),
  status: fc.constantFrom(...Object.values(StatusCode)),
  statusMessage: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
  resource: fc.constantFrom(...resources),
});
