import { deepEqual, equal, notEqual } from "node:assert/strict";
import { describe, it } from "mocha";
import { RecentFields } from "../../../../src/mapping/protocols/http1/fields.ts";

const bytesOf = (text: string): Uint8Array => Buffer.from(text, "latin1");
const HEAD = "Host: a\r\nX-Id: 1\r\nContent-Length: 7\r\n\r\n";

describe("RecentFields", () => {
  it("gives the fields of lines that came before, with what follows them", () => {
    const recent = new RecentFields();
    const bytes = bytesOf(HEAD);
    const slot = recent.slotOf(bytes, 0, bytes.length);
    equal(recent.match(slot, bytes, 0), undefined);
    const parsed = recent.read(slot, bytes, 0, bytes.length);
    const again = bytesOf(`GET / HTTP/1.1\r\n${HEAD}content`);
    equal(recent.match(slot, again, 16), parsed);
    equal(recent.lengthOf(slot), HEAD.length);
    equal(parsed?.framing.contentLength, 7);
  });

  it("tells lines apart that differ in one byte, wherever it is", () => {
    const recent = new RecentFields();
    const bytes = bytesOf(HEAD);
    recent.read(3, bytes, 0, bytes.length);
    for (let at = 0; at < bytes.length; at++) {
      const other = Uint8Array.from(bytes);
      other[at]! ^= 1;
      equal(recent.match(3, other, 0), undefined, `byte ${at}`);
    }
    notEqual(recent.match(3, bytes, 0), undefined);
  });

  it("waits for lines whose end has not come", () => {
    const recent = new RecentFields();
    const bytes = bytesOf(HEAD);
    recent.read(0, bytes, 0, bytes.length);
    for (let length = 0; length < bytes.length; length++)
      equal(recent.match(0, bytes.subarray(0, length), 0), undefined, `${length} bytes`);
  });

  it("keeps nothing that does not fit, and nothing that is malformed", () => {
    const recent = new RecentFields();
    const large = bytesOf(`X-Large: ${"x".repeat(2000)}\r\n\r\n`);
    equal(recent.read(1, large, 0, large.length)?.valueOf("x-large")?.length, 2000);
    equal(recent.match(1, large, 0), undefined);
    const malformed = bytesOf("Content-Length: x\r\n\r\n");
    equal(recent.read(2, malformed, 0, malformed.length), undefined);
    equal(recent.match(2, malformed, 0), undefined);
  });

  it("finds the same values the first time and later, also those that are not there", () => {
    const recent = new RecentFields();
    const bytes = bytesOf(HEAD);
    const first = recent.read(5, bytes, 0, bytes.length)!;
    const read = () => ["host", "x-id", "cookie", "host"].map((name) => first.valueOf(name));
    const once = read();
    deepEqual(once, ["a", "1", undefined, "a"]);
    recent.match(5, bytes, 0);
    deepEqual([read(), read()], [once, once]);
  });
});
