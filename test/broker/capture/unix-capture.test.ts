import assert from "node:assert/strict";
import { once } from "node:events";
import { readlinkSync } from "node:fs";
import type { Socket } from "node:net";
import { connect as connectTo, createServer } from "node:net";
import type { KernelSymbols } from "../../../src/bpf/feature.ts";
import { UnixSockets } from "../../../src/bpf/layout.gen.ts";
import { UNIX_PROGRAMS } from "../../../src/broker/capture/hook-programs.ts";
import { saltOf, unixConf, unixPrograms } from "../../../src/broker/capture/unix-capture.ts";
import { connectedInodes, unixConnections } from "../../../src/broker/capture/unix-connections.ts";
import { Scratch } from "../../support/scratch.ts";

const LIST = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01  1234 /run/listens.sock
0000000000000000: 00000003 00000000 00000000 0001 03  2345 /run/listens.sock
0000000000000000: 00000003 00000000 00000000 0001 03  3456
0000000000000000: 00000003 00000000 00000000 0001 03     0 /run/not-accepted.sock
0000000000000000: 00000002 00000000 00000000 0002 03  4567 /run/datagrams.sock
0000000000000000: 00000003 00000000 00000000 0001 03  5678 @with space 0001 03 9
`;

function kernel(...names: string[]): KernelSymbols {
  return { hasTracepoint: (name) => names.includes(name), hasFunction: (name) => names.includes(name) };
}

describe("AF_UNIX capture", () => {
  it("finds the inodes of connected streams", () => {
    assert.deepEqual(connectedInodes(LIST), [2345, 3456, 5678]);
    assert.deepEqual(connectedInodes(""), []);
  });

  it("finds a connection of this host", async () => {
    const scratch = await Scratch.create();
    const server = createServer();
    server.listen(scratch.path("s.sock"));
    await once(server, "listening");
    const client = connectTo(scratch.path("s.sock"));
    const [accepted] = (await once(server, "connection")) as [Socket];
    const found = unixConnections();
    for (const socket of [client, accepted]) {
      const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
      const inode = Number(/socket:\[(\d+)\]/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]);
      assert.ok(found.has(inode), `${inode}`);
    }
    client.destroy();
    accepted.destroy();
    server.close();
    await scratch.cleanUp();
  });

  it("takes tracepoints, else function exits, and those only beside the others of their kind", () => {
    const both = { sends: "b", receives: "b" } as const;
    const tracepoints = kernel("sock_send_length", "sock_recv_length", "unix_stream_sendmsg", "unix_stream_recvmsg");
    const functions = kernel("unix_stream_sendmsg", "unix_stream_recvmsg");
    assert.equal(unixPrograms(tracepoints, both), UNIX_PROGRAMS.a);
    assert.equal(unixPrograms(functions, both), UNIX_PROGRAMS.b);
    assert.deepEqual(unixPrograms(functions, { sends: "c", receives: "c" }), []);
    assert.deepEqual(unixPrograms(kernel(), both), []);
  });

  it("leaves TCP to the set that tells of it", () => {
    const of = (receives: "a" | "b" | "c") => unixConf(UNIX_PROGRAMS.a, { sends: "b", receives }).unixSockets;
    assert.deepEqual([of("a"), of("b"), of("c")], [UnixSockets.on, UnixSockets.alone, UnixSockets.alone]);
    assert.equal(unixConf([], { sends: "c", receives: "c" }).unixSockets, UnixSockets.off);
  });

  it("has a salt that tells boots apart, and that a double holds", () => {
    const [a, b] = ["8f2c9f6e-1\n", "8f2c9f6e-2\n"].map(saltOf);
    assert.notEqual(a, b);
    assert.ok(Number.isSafeInteger(a) && Number.isSafeInteger(b));
    assert.equal(saltOf("8f2c9f6e-1"), a);
  });
});
