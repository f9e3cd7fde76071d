import assert from "node:assert/strict";
import { isNetwork, trustedNetworks } from "../../src/ipc/trusted-networks.ts";
import { v4 } from "../support/events.ts";

describe("trust_context", () => {
  it("takes words and address ranges, nothing else", () => {
    for (const text of ["private", "all", "none", "203.0.113.7", "203.0.113.0/24", "2001:db8::/32"]) {
      assert.ok(isNetwork(text), text);
    }
    for (const text of [
      "",
      "public",
      "203.0.113.0/33",
      "203.0.113/24",
      "2001:db8::/129",
      "10.0.0.0/8/8",
      "10.0.0.0/x",
    ]) {
      assert.ok(!isNetwork(text), text);
    }
  });

  it("believes whom it names", () => {
    const trusts = trustedNetworks(["private", "203.0.113.0/24"]);
    assert.ok(trusts(v4("10.1.2.3")) && trusts(v4("127.0.0.1")) && trusts(v4("203.0.113.9")));
    assert.ok(!trusts(v4("203.0.114.9")));
    assert.ok(!trustedNetworks(["none"])(v4("127.0.0.1")));
    assert.ok(trustedNetworks(["all"])(v4("198.51.100.1")));
  });
});
