/** What AF_UNIX streams look like as events. */
import assert from "node:assert/strict";
import { HookSet } from "../../../src/bpf/feature.ts";
import { Direction, EventFlags, SocketRole, UnixSockets } from "../../../src/bpf/layout.gen.ts";
import { UNIX_PROGRAMS } from "../../../src/broker/capture/hook-programs.ts";
import { markEarlier } from "../../../src/broker/capture/unix-capture.ts";
import { unixConnections } from "../../../src/broker/capture/unix-connections.ts";
import { TcpState } from "../../../src/mapping/engine-options.ts";
import { type DataRecord, KernelCapture } from "./support/kernel-capture.ts";
import { runPython, runPythonAround } from "./support/python.ts";

const AF_UNIX = 1;
const EARLIER = 2 ** 40;

/** A connected pair, by a name; the accepted end is the second. */
const PAIR = `
import tempfile
def unix_pair(name=None):
    name = name or tempfile.mktemp(suffix='.sock')
    out['name'] = name
    listener = socket.socket(socket.AF_UNIX); listener.bind(name); listener.listen(8)
    client = socket.socket(socket.AF_UNIX); client.connect(name)
    server, _ = listener.accept()
    listener.close()
    return client, server
`;

const texts = (events: readonly DataRecord[]) => events.map((event) => event.bytes.toString("latin1"));
const places = (events: readonly DataRecord[]) =>
  events.map((event) => [event.streamOffset, event.bytes.toString("latin1")]);

for (const [receives, unixSockets] of [
  [HookSet.a, UnixSockets.on],
  [HookSet.c, UnixSockets.alone],
] as const) {
  describe(`capture of AF_UNIX streams beside hook set ${receives}`, () => {
    let capture: KernelCapture;

    function start(): KernelCapture {
      const started = new KernelCapture({
        sends: receives,
        receives,
        also: UNIX_PROGRAMS.a,
        conf: { unixSockets, unixSalt: 12_345, udpSendByLength: receives === HookSet.a ? 1 : 0 },
      });
      assert.ok(markEarlier(started.map("unix_earlier"), unixConnections()));
      return started;
    }

    function run(script: string) {
      const { tgid, out } = runPython(`${PAIR}${script}`);
      return {
        sent: capture.dataOf(tgid, Direction.egress),
        received: capture.dataOf(tgid, Direction.ingress),
        out,
      };
    }

    const statesOf = (event: DataRecord) =>
      capture.drain().states.filter(({ socketCookie }) => socketCookie === event.socketCookie);

    before(() => {
      capture = start();
    });
    after(() => capture[Symbol.dispose]());

    it("gives both ends the same numbers, places and the server's name", () => {
      const { sent, received, out } = run(`
c, s = unix_pair()
c.sendall(b'ping'); s.recv(9); s.sendall(b'pongpong'); c.recv(9); c.sendall(b'again'); s.recv(9)`);
      assert.deepEqual(places(sent), [
        [0, "ping"],
        [0, "pongpong"],
        [4, "again"],
      ]);
      assert.deepEqual(places(received), places(sent));
      const [client, server] = sent as [DataRecord, DataRecord];
      assert.deepEqual([client.addressFamily, client.protocol, client.tuple.localPort], [AF_UNIX, 6, 0]);
      assert.equal(client.role, SocketRole.client);
      assert.equal(server.role, SocketRole.server);
      assert.notEqual(client.localFirstSequence, 0);
      assert.equal(client.localFirstSequence, server.remoteFirstSequence);
      assert.equal(client.remoteFirstSequence, server.localFirstSequence);
      for (const end of [client, server]) {
        const [first] = statesOf(end);
        assert.equal(first?.name, `${out["name"]}\0`);
        assert.equal(first?.oldState, TcpState.synSent);
        assert.equal(first?.newState, TcpState.established);
        assert.equal(first?.role, end.role);
      }
    });

    it("knows abstract names, and a client that has a name of its own", () => {
      const { sent } = run(`
import os
name = '\\0sockspan-%d' % os.getpid()
listener = socket.socket(socket.AF_UNIX); listener.bind(name); listener.listen(8)
c = socket.socket(socket.AF_UNIX); c.bind(name + '-client'); c.connect(name); s, _ = listener.accept()
c.sendall(b'ping'); s.recv(9); s.sendall(b'pong'); c.recv(9)`);
      assert.deepEqual(
        sent.map(({ role }) => role),
        [SocketRole.client, SocketRole.server],
      );
      for (const end of sent) assert.match(statesOf(end)[0]?.name ?? "", /^\0sockspan-\d+$/);
      assert.equal(sent[0]?.localFirstSequence, sent[1]?.remoteFirstSequence);
    });

    it("passes by what has no name, datagrams, and what was not connected by a name", () => {
      const { sent, received } = run(`
a, b = socket.socketpair(); a.sendall(b'pair'); b.recv(9)
name = tempfile.mktemp()
d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); d.bind(name)
e = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); e.sendto(b'datagram', name); d.recv(99)
p = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET); p[0].send(b'packet'); p[1].recv(99)`);
      assert.deepEqual([...texts(sent), ...texts(received)], []);
    });

    it("counts what was sent and read, not what was asked for", () => {
      const { sent, received } = run(`
c, s = unix_pair()
c.setblocking(False)
total = 0
try:
    while True: total += c.send(b'x' * 50000)
except BlockingIOError: pass
out['total'] = total
read_all(s, total)
c.setblocking(True)
c.sendall(b'after'); s.recv(3, socket.MSG_PEEK); s.recvmsg_into([bytearray(2), bytearray(9)])
os.writev(c.fileno(), [b'one ', b'two']); os.read(s.fileno(), 99)`);
      const after = sent.at(-2)!;
      assert.deepEqual(texts(sent.slice(-2)), ["after", "one two"]);
      assert.deepEqual(places(received.slice(-2)), places(sent.slice(-2)));
      assert.equal(after.streamOffset, received.at(-2)!.streamOffset);
      assert.ok(sent.slice(0, -2).every((event) => event.callLength <= 50_000));
    });

    it("takes no descriptors for bytes", () => {
      const { sent, received } = run(`
c, s = unix_pair()
socket.send_fds(c, [b'with'], [0]); socket.recv_fds(s, 9, 1); c.sendall(b'more'); s.recv(9)`);
      assert.deepEqual(places(sent), [
        [0, "with"],
        [4, "more"],
      ]);
      assert.deepEqual(places(received), places(sent));
    });

    it("loses its place where a byte is urgent: no end counts on", () => {
      const { sent, received, out } = run(`
c, s = unix_pair()
c.sendall(b'a'); s.recv(9)
try: c.send(b'!', socket.MSG_OOB)
except OSError: out['refused'] = True
c.sendall(b'b'); s.recv(9)`);
      if (out["refused"]) return;
      assert.equal(sent.at(-1)!.streamOffset, EARLIER + 1);
      assert.ok(received.at(-1)!.streamOffset < EARLIER);
    });

    it("tells the end that was read, once", () => {
      const { sent } = run(`
c, s = unix_pair()
c.sendall(b'bye'); s.recv(9); s.sendall(b'bye'); c.recv(9)
c.shutdown(socket.SHUT_WR); s.recv(9); s.recv(9); s.close(); c.recv(9); c.recv(9)`);
      const [client, server] = sent as [DataRecord, DataRecord];
      assert.deepEqual(
        statesOf(server).map(({ newState }) => newState),
        [TcpState.established, TcpState.closeWait],
      );
      assert.deepEqual(
        statesOf(client).map(({ newState }) => newState),
        [TcpState.established, TcpState.close],
      );
    });

    it("tells lengths of sendfile", () => {
      const { sent } = run(`
c, s = unix_pair()
f = os.open('/usr/bin/python3', os.O_RDONLY)
t = threaded(read_all, s, 20004); c.sendall(b'head'); os.sendfile(c.fileno(), f, 0, 20000); t.join()`);
      const pages = sent.slice(1);
      assert.ok(pages.every((event) => event.flags === EventFlags.noBytes));
      assert.equal(
        pages.reduce((sum, event) => sum + event.callLength, 0),
        20_000,
      );
      assert.equal(pages[0]!.streamOffset, 4);
    });

    it("knows a connection that was there before, and takes none of its ends for another's", async () => {
      capture[Symbol.dispose]();
      const { tgid } = await runPythonAround(
        `${PAIR}c, s = unix_pair(); c.sendall(b'before'); s.recv(9)`,
        "c.sendall(b'late'); s.recv(9); s.sendall(b'answer'); c.recv(9)",
        () => {
          capture = start();
        },
      );
      const sent = capture.dataOf(tgid, Direction.egress);
      const received = capture.dataOf(tgid, Direction.ingress);
      assert.deepEqual(places(sent), [
        [EARLIER, "late"],
        [EARLIER, "answer"],
      ]);
      assert.deepEqual(places(received), places(sent));
      const [client, server] = sent as [DataRecord, DataRecord];
      assert.deepEqual([client.role, server.role], [SocketRole.client, SocketRole.server]);
      assert.notEqual(client.localFirstSequence, server.remoteFirstSequence);
      for (const end of sent) assert.equal(statesOf(end)[0]?.oldState, TcpState.established);
    });

    it("does not tell of TCP twice", () => {
      const { sent, received } = run("c, s = pair()\nc.sendall(b'tcp'); s.recv(9)");
      assert.deepEqual(texts(sent), ["tcp"]);
      assert.deepEqual(texts(received), ["tcp"]);
    });
  });
}
