/** What socket calls look like as events, with each hook set that this kernel takes. */
import assert from "node:assert/strict";
import { HookSet } from "../../../src/bpf/feature.ts";
import {
  Direction,
  EventFlags,
  ProcessFilter,
  SocketRole,
  UnitKind,
  UnitStepKind,
} from "../../../src/bpf/layout.gen.ts";
import { type DataRecord, KernelCapture } from "./support/kernel-capture.ts";
import { runPython, runPythonAround } from "./support/python.ts";

const text = (events: readonly DataRecord[]): string[] => events.map((event) => event.bytes.toString("latin1"));

for (const set of [HookSet.a, HookSet.c]) {
  describe(`capture with hook set ${set}`, () => {
    let capture: KernelCapture;

    function run(script: string): {
      sent: DataRecord[];
      received: DataRecord[];
      out: Readonly<Record<string, unknown>>;
    } {
      const { tgid, out } = runPython(script);
      return {
        sent: capture.dataOf(tgid, Direction.egress),
        received: capture.dataOf(tgid, Direction.ingress),
        out,
      };
    }

    before(() => {
      capture = new KernelCapture({ sends: set, receives: set });
    });
    after(() => capture[Symbol.dispose]());

    for (const [name, args] of [
      ["IPv4", ""],
      ["IPv6", "socket.AF_INET6, '::1'"],
      ["v4-mapped", "socket.AF_INET, '127.0.0.1', '::'"],
    ]) {
      it(`gives both ends of a connection the same first sequences, ${name}`, () => {
        const { sent, received } = run(`
c, s = pair(${args})
c.sendall(b'ping'); s.recv(9); s.sendall(b'pongpong'); c.recv(9); c.sendall(b'again'); s.recv(9)`);
        assert.deepEqual(text(sent), ["ping", "pongpong", "again"]);
        assert.deepEqual(text(received), ["ping", "pongpong", "again"]);
        assert.deepEqual(
          [...sent, ...received].map((event) => event.streamOffset),
          [0, 0, 4, 0, 0, 4],
        );
        const [ping, pong] = sent as [DataRecord, DataRecord];
        assert.equal(ping.role, SocketRole.client);
        assert.equal(pong.role, SocketRole.server);
        assert.equal(ping.localFirstSequence, pong.remoteFirstSequence);
        assert.equal(ping.remoteFirstSequence, pong.localFirstSequence);
        assert.equal(ping.tuple.localPort, pong.tuple.remotePort);
        assert.deepEqual(ping.tuple.localAddress, pong.tuple.remoteAddress);
      });
    }

    it("knows roles and offsets of a connection that nobody watched, also with a backlog of 0", async () => {
      const quiet = `
c, s = pair(backlog=0)
for i in range(3):
    c.sendall(b'x' * 1000); read_all(s, 1000); s.sendall(b'y' * 70000); read_all(c, 70000)
`;
      capture[Symbol.dispose]();
      const { tgid } = await runPythonAround(quiet, "c.sendall(b'late'); s.recv(9)", () => {
        capture = new KernelCapture({ sends: set, receives: set });
      });
      const [sent] = capture.dataOf(tgid, Direction.egress);
      const [received] = capture.dataOf(tgid, Direction.ingress);
      assert.equal(sent?.role, SocketRole.client);
      assert.equal(received?.role, SocketRole.server);
      assert.equal(sent?.streamOffset, 3000);
      assert.equal(received?.streamOffset, 3000);
      assert.equal(sent?.localFirstSequence, received?.remoteFirstSequence);
      assert.equal(sent?.remoteFirstSequence, received?.localFirstSequence);
    });

    it("does not count the FIN as a byte", () => {
      const { received } = run(`
c, s = pair()
c.sendall(b'last words'); c.shutdown(socket.SHUT_WR); time.sleep(0.05)
s.recv(4, socket.MSG_WAITALL); s.recv(100); s.recv(100)`);
      assert.deepEqual(
        received.map((event) => [event.streamOffset, event.bytes.toString()]),
        [
          [0, "last"],
          [4, " words"],
        ],
      );
      assert.equal(received[1]!.flags & EventFlags.fin, EventFlags.fin);
    });

    it("gathers iovecs of every call", () => {
      const { sent, received } = run(`
c, s = pair()
os.writev(c.fileno(), [b'one ', b'two ', b'', b'three']); s.recvmsg_into([bytearray(2), bytearray(100)])
c.sendmsg([b'a' * 300, b'b' * 300]); time.sleep(0.02); os.readv(s.fileno(), [bytearray(100), bytearray(900)])`);
      const long = "a".repeat(300) + "b".repeat(300);
      assert.deepEqual(text(sent), ["one two three", long]);
      assert.deepEqual(text(received), ["one two three", long]);
    });

    it("tells a large send once, with its whole length and its first bytes", () => {
      const { sent } = run(`
c, s = pair()
t = threaded(read_all, s, 3000000); c.sendall(b'L' * 3000000); t.join()`);
      assert.equal(sent.length, 1);
      assert.equal(sent[0]!.callLength, 3_000_000);
      assert.equal(sent[0]!.capturedLength, 4096);
      assert.equal(sent[0]!.flags, EventFlags.truncated);
    });

    it("sees no data in MSG_PEEK and MSG_TRUNC", () => {
      const { received } = run(`
c, s = pair()
c.sendall(b'abcdef'); s.recv(3, socket.MSG_PEEK); s.recv(2, socket.MSG_TRUNC); s.recv(10)`);
      assert.deepEqual(
        received.map((event) => [event.streamOffset, event.bytes.toString()]),
        [[2, "cdef"]],
      );
    });

    it("tells lengths of sendfile", () => {
      const { sent } = run(`
c, s = pair()
f = os.open('/usr/bin/python3', os.O_RDONLY)
t = threaded(read_all, s, 20000); c.sendall(b'head'); os.sendfile(c.fileno(), f, 0, 20000); t.join()`);
      const pages = sent.slice(1);
      assert.ok(pages.length > 0);
      for (const event of pages) assert.equal(event.flags, EventFlags.noBytes);
      assert.equal(
        pages.reduce((sum, event) => sum + event.callLength, 0),
        20_000,
      );
      assert.equal(pages[0]!.streamOffset, 4);
    });

    it("tells each message of sendmmsg and recvmmsg on UDP, and its address", () => {
      const { sent, received } = run(`
class iovec(ctypes.Structure): _fields_ = [('base', ctypes.c_char_p), ('len', ctypes.c_size_t)]
class msghdr(ctypes.Structure): _fields_ = [('name', ctypes.c_void_p), ('namelen', ctypes.c_uint), ('iov', ctypes.POINTER(iovec)), ('iovlen', ctypes.c_size_t), ('control', ctypes.c_void_p), ('controllen', ctypes.c_size_t), ('flags', ctypes.c_int)]
class mmsghdr(ctypes.Structure): _fields_ = [('hdr', msghdr), ('len', ctypes.c_uint)]
def vector(buffers):
    m = (mmsghdr * len(buffers))()
    for i, b in enumerate(buffers):
        m[i].hdr.iov = ctypes.pointer(iovec(b, len(b))); m[i].hdr.iovlen = 1
    return m
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a.bind(('127.0.0.1', 0))
b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); b.bind(('127.0.0.1', 0)); b.connect(a.getsockname())
for texts in ([b'first', b'second'], [b'third', b'fourth']):
    m = vector(texts); assert libc.sendmmsg(b.fileno(), m, 2, 0) == 2
    r = vector([bytes(100), bytes(100)]); assert libc.recvmmsg(a.fileno(), r, 2, 0, None) == 2
a.sendto(b'unconnected', b.getsockname()); b.recv(99)
out['port'] = b.getsockname()[1]`);
      assert.deepEqual(text(sent), ["first", "second", "third", "fourth", "unconnected"]);
      assert.deepEqual(text(received), ["first", "second", "third", "fourth", "unconnected"]);
      const unconnected = sent.at(-1)!;
      assert.equal(Buffer.from(unconnected.tuple.remoteAddress).toString("hex"), "00000000000000000000ffff7f000001");
    });

    it("numbers the events of a socket and direction without gaps", () => {
      const { sent } = run(`
c, s = pair()
for i in range(20): c.sendall(b'n'); s.recv(1)`);
      assert.deepEqual(
        sent.map((event) => event.eventNumber),
        [...Array(20).keys()],
      );
    });

    it("reads the unit of work by the steps that it is given", async () => {
      const { tgid } = await runPythonAround(
        "value = ctypes.c_uint64(4242)\nc, s = pair()\nc.sendall(str(ctypes.addressof(value)).encode())",
        "c.sendall(b'request')",
        (child) => {
          const hello = capture.dataOf(child, Direction.egress).at(-1)!;
          capture.setProcess(child, ProcessFilter.none, [
            { kind: UnitStepKind.absolute, operand: Number(hello.bytes.toString()) - 8 },
            { kind: UnitStepKind.add, operand: 8 },
            { kind: UnitStepKind.load, operand: 1 },
            { kind: UnitStepKind.toUnit, operand: 0 },
            { kind: UnitStepKind.registerG, operand: 0 },
            { kind: UnitStepKind.load, operand: 0 },
            { kind: UnitStepKind.toTurn, operand: 0 },
          ]);
        },
      );
      const request = capture.dataOf(tgid, Direction.egress).at(-1)!;
      assert.equal(request.bytes.toString(), "request");
      assert.equal(request.unitId, 4243);
      assert.equal(request.unitKind, UnitKind.goroutine);
    });

    it("flags what threads claim at the same place; the last claim is true", () => {
      const { sent, out } = run(`
c, s = pair()
c.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192); s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
big = threaded(c.sendall, b'B' * 400000); time.sleep(0.1)
small = threaded(c.sendall, b'small'); time.sleep(0.1)
got = b''
while len(got) < 400005: got += s.recv(65536)
big.join(); small.join(); out['at'] = got.index(b'small')`);
      assert.ok(sent.some((event) => event.flags & EventFlags.conflict));
      if (set === HookSet.c) return; // told once, at entry: where it went in the end is not known
      // A writer that waits for room is told again where it goes on, so the last claim to a place is the true one.
      const small = sent.findLast((event) => event.bytes.toString() === "small")!;
      assert.equal(small.streamOffset, out["at"]);
    });

    it("says when the bytes were not resident", () => {
      const { sent } = run(`
c, s = pair()
with open('/tmp/sockspan-fault', 'wb') as f: f.write(b'F' * 8192)
f = open('/tmp/sockspan-fault', 'r+b'); os.unlink('/tmp/sockspan-fault')
os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
m = mmap.mmap(f.fileno(), 8192); c.sendall(memoryview(m)[:5000])
c.sendall(memoryview(m)[:4])`);
      assert.equal(sent[0]!.callLength, 5000);
      assert.equal(sent[0]!.flags & EventFlags.faulted, EventFlags.faulted);
      assert.equal(sent[0]!.capturedLength, 0);
      assert.equal(sent.at(-1)!.bytes.toString(), "FFFF");
      assert.equal(sent.at(-1)!.streamOffset, 5000);
      if (set !== HookSet.a) return;
      const again = sent[1]!; // sock_send_length comes when the kernel has read the pages in
      assert.equal(again.bytes.toString(), "F".repeat(4096));
      assert.deepEqual([again.streamOffset, again.callLength], [0, 5000]);
    });

    it("names the socket that was read, also when its descriptor is another's by then", () => {
      const { received } = run(`
a, b = pair()
fd = b.fileno()
reader = threaded(lambda: os.read(fd, 100)); time.sleep(0.1)
x, y = pair(); keep = os.dup(fd); os.dup2(y.fileno(), fd)
a.sendall(b'for the old one'); reader.join()
out['port'] = a.getsockname()[1]`);
      if (set === HookSet.c) return; // sys_exit finds the new socket behind the number: what the page of hook sets says
      assert.equal(received[0]?.bytes.toString(), "for the old one");
      assert.equal(received[0]?.streamOffset, 0);
    });
  });
}
