import assert from "node:assert/strict";
import { expectJoined, pairOf, pathOf } from "../support/expect-spans.ts";
import { createNatNetwork } from "../support/network.ts";
import { startNginx } from "../support/nginx.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/scratch.ts";
import { Sockspan } from "../support/sockspan.ts";

describe("network address translation", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("does not hide which request is whose: both ends are translated, in other network namespaces", async () => {
    const network = createNatNetwork(scratch);
    const { port } = await startNginx(scratch, {
      port: network.serverPort,
      program: { within: network.server, readyPort: network.serverPort },
    });
    const sockspan = await Sockspan.start(scratch);
    for (let number = 0; number < 3; number += 1) {
      const url = `http://${network.virtualAddress}:${network.virtualPort}/return/nat-${number}`;
      const curl = ["curl", "-sS", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", url];
      const client = scratch.keep(await Program.start(curl, { within: network.client }));
      assert.equal(await client.end(), 0, client.output);
    }
    const spans = await sockspan.stopAndRead();
    for (let number = 0; number < 3; number += 1) {
      const ofPath = spans.filter((span) => pathOf(span) === `/return/nat-${number}`);
      assert.equal(ofPath.length, 2);
      const [client, server] = pairOf(ofPath);
      expectJoined(client, server);
      assert.equal(client.attributes.get("network.peer.address"), network.virtualAddress);
      assert.equal(client.attributes.get("network.peer.port"), network.virtualPort);
      // The Host header names what the client asked for; the server's socket has another port.
      assert.equal(server.attributes.get("server.address"), network.virtualAddress);
      assert.equal(server.attributes.get("network.peer.address"), "10.213.2.1");
      assert.notEqual(port, network.virtualPort);
    }
  });
});
