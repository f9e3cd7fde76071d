import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { connect, createServer } from "node:net";
import { EventKind, type SocketStateEvent } from "../../../src/bpf/layout.gen.ts";
import { OwnExchanges, type SocketIdentity } from "../../../src/receiver/socket-trace/own-exchanges.ts";

const ADDRESS = new Uint8Array(16);

function socket(localPort: number, remotePort: number, localFirst = 0, remoteFirst = 0): SocketIdentity {
  return {
    tuple: { localAddress: ADDRESS, remoteAddress: ADDRESS, localPort, remotePort, networkNamespace: 1 },
    localFirstSequence: localFirst,
    remoteFirstSequence: remoteFirst,
  };
}

function established(identity: SocketIdentity): SocketStateEvent {
  return {
    ...identity,
    header: { kind: EventKind.socketState, length: 0, timestampNs: 0, tgid: 0, pid: 0 },
    socketCookie: 1,
    addressFamily: 2,
    protocol: 6,
    role: 1,
    oldState: 2,
    newState: 1,
    coroutineId: 0,
    unitId: 0,
    unitParent: 0,
    unitCount: 0,
    turnId: 0,
    unitKind: 0,
    nameLength: 0,
  };
}

describe("OwnExchanges", () => {
  it("knows the other end of our connection by its ports, and no other connection of the same server", () => {
    const own = new OwnExchanges();
    own.register(40_000, 4317);
    assert.equal(own.isOtherEnd(socket(4317, 40_000)), true);
    assert.equal(own.isOtherEnd(socket(4317, 40_001)), false);
    assert.equal(own.isOtherEnd(socket(80, 40_000)), false);
  });

  it("knows the other end behind address translation by the first sequence numbers", () => {
    const own = new OwnExchanges();
    own.register(40_000, 4317);
    own.observe(established(socket(40_000, 4317, 111, 222)));
    assert.equal(own.isOtherEnd(socket(14317, 51_000, 222, 111)), true);
    assert.equal(own.isOtherEnd(socket(14317, 51_000, 222, 112)), false);
  });

  it("learns nothing from connections that are not ours", () => {
    const own = new OwnExchanges();
    own.observe(established(socket(40_000, 4317, 111, 222)));
    assert.equal(own.isOtherEnd(socket(14317, 51_000, 222, 111)), false);
  });

  it("registers every connection that this process opens", async () => {
    const own = new OwnExchanges();
    own.start();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const client = connect(port, "127.0.0.1");
    await new Promise((resolve) => client.once("connect", resolve));
    assert.equal(own.isOtherEnd(socket(port, client.localPort!)), true);
    own.stop();
    client.destroy();
    server.close();
  });
});
