/** Reads and writes of files, pipes and devices, as the programs tell them. */
import assert from "node:assert/strict";
import { HookSet, kernelSymbols } from "../../../src/bpf/feature.ts";
import { FileType, IoMode, IoOperation, SocketRole } from "../../../src/bpf/layout.gen.ts";
import { type IoRecord, KernelCapture } from "./support/kernel-capture.ts";
import { runPython, runPythonAround } from "./support/python.ts";

const MS = 1e6;
const NO_OFFSET = 2 ** 64;

describe("file I/O in the kernel", () => {
  let capture: KernelCapture | undefined;

  function start(ioMode: IoMode, ioThresholdNs: number, ioEventsPerRequest = 100): KernelCapture {
    using symbols = kernelSymbols();
    const set = symbols.hasTracepoint("sock_recv_length") ? HookSet.a : HookSet.c;
    capture = new KernelCapture({ sends: set, receives: set, io: { ioMode, ioThresholdNs, ioEventsPerRequest } });
    return capture;
  }
  afterEach(() => {
    capture?.[Symbol.dispose]();
    capture = undefined;
  });

  const brief = (event: IoRecord) => [event.operation, event.fileType, event.fileOffset, event.length];

  it("tells path, offset and length of every read and write, and of nothing that is no file", () => {
    const capture = start(IoMode.all, 0);
    const { tgid, out } = runPython(`
import tempfile
folder = tempfile.mkdtemp(); out['folder'] = folder
path = folder + '/a name'
fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
os.write(fd, b'0123456789'); os.write(fd, b'abc')
os.lseek(fd, 2, 0); os.read(fd, 4); os.read(fd, 100); os.read(fd, 100)
os.pread(fd, 5, 7); os.preadv(fd, [bytearray(3)], 1)
plain = os.open(path, os.O_RDWR); os.pwrite(plain, b'xy', 20)
zero = os.open('/dev/zero', os.O_RDONLY); os.read(zero, 8)
status = os.open('/proc/self/stat', os.O_RDONLY); out['pid'] = os.getpid(); os.read(status, 10)
r, w = os.pipe(); out['pipe'] = os.fstat(r).st_ino; os.write(w, b'p'); os.read(r, 1)
os.mkfifo(folder + '/fifo'); f = os.open(folder + '/fifo', os.O_RDWR); os.write(f, b'ff')
event = libc.eventfd(1, 0); os.read(event, 8)
a, b = socket.socketpair(); os.write(a.fileno(), b's'); os.read(b.fileno(), 1)
os.unlink(path); os.pread(fd, 1, 0)
`);
    const events = capture.ioOf(tgid);
    const ofFile = events.filter((event) => event.path === `${out["folder"]}/a name`);
    assert.deepEqual(ofFile.map(brief), [
      [IoOperation.write, FileType.regular, 0, 10],
      [IoOperation.write, FileType.regular, 10, 3],
      [IoOperation.read, FileType.regular, 2, 4],
      [IoOperation.read, FileType.regular, 6, 7],
      [IoOperation.read, FileType.regular, 13, 0],
      [IoOperation.read, FileType.regular, 7, 5],
      [IoOperation.read, FileType.regular, 1, 3],
      [IoOperation.write, FileType.regular, 20, 2],
      [IoOperation.read, FileType.regular, 0, 1],
    ]);
    const of = (path: string) => events.filter((event) => event.path === path).map(brief);
    assert.deepEqual(of("/dev/zero"), [[IoOperation.read, FileType.characterDevice, NO_OFFSET, 8]]);
    assert.deepEqual(of(`/proc/${out["pid"]}/stat`), [[IoOperation.read, FileType.regular, 0, 10]], "another mount");
    assert.deepEqual(of(`${out["folder"]}/fifo`), [[IoOperation.write, FileType.fifo, NO_OFFSET, 2]]);
    const pipe = events.filter((event) => event.inode === out["pipe"]);
    assert.deepEqual(pipe.map(brief), [
      [IoOperation.write, FileType.fifo, NO_OFFSET, 1],
      [IoOperation.read, FileType.fifo, NO_OFFSET, 1],
    ]);
    assert.deepEqual([pipe[0]!.path, pipe[1]!.path], ["", ""]);
    assert.deepEqual(
      events.filter((event) => event.path.includes("[") || (event.path === "" && event.fileType !== FileType.fifo)),
      [],
    );
  });

  it("gives the path as a process in another root knows it, and of a deep one its end", () => {
    const capture = start(IoMode.all, 0);
    const { tgid, out } = runPython(`
import tempfile
root = tempfile.mkdtemp(); deep = root + '/' + '/'.join('d%02d' % i for i in range(60))
os.makedirs(deep); fd = os.open(deep + '/leaf', os.O_RDWR | os.O_CREAT); os.write(fd, b'deep!')
os.makedirs(root + '/inner/etc'); os.chroot(root + '/inner')
fd = os.open('/etc/own', os.O_RDWR | os.O_CREAT); os.write(fd, b'inner')
`);
    assert.equal(typeof out, "object");
    const [deep, inner] = capture
      .ioOf(tgid)
      .filter((event) => event.operation === IoOperation.write && event.length === 5);
    assert.match(deep!.path, /^\/d\d\d(\/d\d\d)*\/d58\/d59\/leaf$/);
    assert.deepEqual([deep!.isPathCut, inner!.isPathCut], [1, 0]);
    assert.equal(inner!.path, "/etc/own");
  });

  it("tells what took long while a request is open, with the request, and nothing else", async () => {
    const capture = start(IoMode.request, 20 * MS);
    let requestOffset = -1;
    let socketCookie = -1;
    const { tgid } = await runPythonAround(
      "r, w = os.pipe()\n" +
        "def slow(n=40): threaded(lambda: (time.sleep(n / 1000), os.write(w, b'x'))); os.read(r, 1)\n" +
        "slow()\nc, s = pair()\nc.sendall(b'zero'); s.recv(9); s.sendall(b'done'); c.recv(9)\n" +
        "c.sendall(b'request'); s.recv(99)",
      "slow(); slow(1); s.sendall(b'answer'); c.recv(9); time.sleep(1.2); slow(60)",
      (child) => {
        const read = capture.dataOf(child).findLast((event) => event.bytes.toString() === "request")!;
        assert.equal(read.role, SocketRole.server);
        requestOffset = read.streamOffset;
        socketCookie = read.socketCookie;
      },
    );
    const events = capture.ioOf(tgid);
    assert.equal(events.length, 1);
    const [event] = events;
    assert.deepEqual([event!.requestSocketCookie, event!.requestStreamOffset], [socketCookie, requestOffset]);
    const tookMs = (event!.header.timestampNs - event!.entryNs) / MS;
    assert.ok(tookMs >= 35 && tookMs < 1000, `${tookMs} ms`);
  });

  it("tells so many of one request and counts the rest", async () => {
    const capture = start(IoMode.request, 0, 3);
    const { tgid } = await runPythonAround(
      "c, s = pair()\nf = os.open('/dev/zero', 0)\nc.sendall(b'one'); s.recv(9)",
      "for i in range(8): os.read(f, 77)\ns.sendall(b'1'); c.recv(9); c.sendall(b'two'); s.recv(9)\nos.read(f, 77)",
      () => {},
    );
    assert.equal(capture.ioOf(tgid).filter((event) => event.length === 77).length, 4);
    assert.ok(capture.lost("consumed_io_limit") >= 5);
  });

  it("tells the error of a call that failed late, and not that it was interrupted", () => {
    const capture = start(IoMode.all, 0);
    const { tgid } = runPython(`
fd = os.open('/proc/self/mem', os.O_RDONLY)
try: os.pread(fd, 8, 0)
except OSError as e: out['errno'] = e.errno
r, w = os.pipe2(os.O_NONBLOCK)
try: os.read(r, 1)
except BlockingIOError: pass
`);
    const failed = capture.ioOf(tgid).filter((event) => event.error !== 0);
    assert.deepEqual(
      failed.map((event) => [event.error, event.length, event.fileOffset]),
      [[5, 0, 0]],
    );
  });
});
