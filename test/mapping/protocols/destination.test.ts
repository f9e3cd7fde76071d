import assert from "node:assert/strict";
import { nameWithDestination } from "../../../src/mapping/protocols/destination.ts";
import type { Attribute } from "../../../src/mapping/span.ts";

describe("destinations in span names", () => {
  for (const [destination, name, attributes] of [
    ["shop.orders", "publish shop.orders", []],
    ["orders.42", "publish orders.*", [["messaging.destination.template", "orders.*"]]],
    ["_INBOX.abc.1", "publish", [["messaging.destination.temporary", true]]],
    ["amq.gen-Xa7S", "publish", [["messaging.destination.temporary", true]]],
  ] as const) {
    it(`${destination}: ${name}`, () => {
      const added: Attribute[] = [];
      assert.equal(nameWithDestination(added, "publish", destination), name);
      assert.deepEqual(added, attributes);
    });
  }
});
