import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ListenError } from "../../src/extension/error.ts";
import { HttpListener } from "../../src/extension/listen.ts";

describe("listener", () => {
  const holder = createServer();
  let port: number;
  before(async () => {
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    port = (holder.address() as AddressInfo).port;
  });
  after(() => {
    holder.close();
  });
  const open = (isDefault: boolean) =>
    HttpListener.open({ who: "extension x", address: { host: "127.0.0.1", port }, isDefault, onRequest: () => {} });

  it("moves to the next free port when nobody configured the taken one", async () => {
    const listener = await open(true);
    assert.ok(listener.address.port > port);
    assert.equal(listener.isMoved, true);
    await listener.close();
  });

  it("fails clearly on a taken port that was configured", async () => {
    await assert.rejects(open(false), (error) => {
      assert.ok(error instanceof ListenError);
      assert.equal(error.message, `extension x can't listen on 127.0.0.1:${port}: the port is taken`);
      return true;
    });
  });
});
