/** A real server whose handler waits for a FIFO and reads a file: what took long is part of its request's trace. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { freePort } from "../support/free-port.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/scratch.ts";
import { Sockspan } from "../support/sockspan.ts";
import { SERVER, type TestSpan } from "../support/trace-file.ts";

const INTERNAL = 1;
/** Far enough apart that a busy machine does not make a quick read slow, nor end a slow one before it has begun. */
const SLOW_MS = 400;
const THRESHOLD_MS = 150;

/** Also reads another FIFO on its own account, as slowly, all the time. */
const SERVER_SOURCE = `
import http.server, os, sys, threading, time
fifo, own, data = sys.argv[2:5]
def write_later(path):
    def run():
        end = os.open(path, os.O_WRONLY); time.sleep(${SLOW_MS / 1000}); os.write(end, b'x'); os.close(end)
    threading.Thread(target=run).start()
def own_work():
    while True:
        write_later(own)
        with open(own, 'rb', 0) as end: end.read(1)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        if 'slow' in self.path:
            write_later(fifo)
            with open(fifo, 'rb', 0) as end: end.read(1)
        with open(data, 'rb', 0) as end: end.seek(3); end.read(4)
        self.send_response(200); self.send_header('Content-Length', '0'); self.end_headers()
    def log_message(self, *_): pass
if sys.argv[5:] == ['busy']: threading.Thread(target=own_work, daemon=True).start()
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
`;

describe("file I/O of a request", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  async function startServer(...args: string[]): Promise<{ port: number; fifo: string; data: string }> {
    const port = await freePort();
    const [source, fifo, own, data] = ["server.py", "fifo", "own", "data"].map((name) => scratch.path(name));
    await writeFile(source!, SERVER_SOURCE);
    await writeFile(data!, "0123456789");
    for (const path of [fifo!, own!]) await (await Program.start(["mkfifo", path])).end();
    const argv = ["python3", source!, String(port), fifo!, own!, data!, ...args];
    scratch.keep(await Program.start(argv, { readyPort: port }));
    return { port, fifo: fifo!, data: data! };
  }

  const get = async (port: number, path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  const internal = (spans: readonly TestSpan[]) => spans.filter((span) => span.kind === INTERNAL);
  const serverOf = (spans: readonly TestSpan[], path: string) =>
    spans.find((span) => span.kind === SERVER && span.attributes.get("url.path") === path)!;

  it("tells a read that waited as a child span, and quick ones not at all", async () => {
    const { port, fifo } = await startServer();
    const sockspan = await Sockspan.start(scratch, {
      receiver: `{ io_events: { mode: request, threshold: ${THRESHOLD_MS}ms } }`,
    });
    await get(port, "/quick");
    for (const path of ["/slow1", "/slow2"]) await get(port, path);
    const spans = await sockspan.stopAndRead();
    const reads = internal(spans).filter((span) => span.attributes.get("file.path") === fifo);
    const parents = ["/slow1", "/slow2"].map((path) => serverOf(spans, path).spanId);
    assert.deepEqual(
      reads.map((read) => read.parentSpanId),
      parents,
    );
    for (const read of reads) {
      assert.equal(read.name, "read");
      assert.equal(read.attributes.get("sockspan.io.file_type"), "fifo");
      // Which depends on whether the pool that the thread belongs to was found by then: the server has just started.
      assert.match(String(read.attributes.get("sockspan.link.evidence")), /^(thread|unit|answer_unit|single)$/);
      assert.ok(read.endNs - read.startNs >= BigInt(THRESHOLD_MS * 1e6));
    }
    assert.equal(internal(spans).filter((span) => !parents.includes(span.parentSpanId ?? "")).length, 0);
  });

  it("leaves out what the process waits for on its own account", async () => {
    const { port, fifo } = await startServer("busy");
    const sockspan = await Sockspan.start(scratch, {
      receiver: `{ io_events: { mode: request, threshold: ${THRESHOLD_MS}ms } }`,
    });
    await get(port, "/slow1");
    const spans = await sockspan.stopAndRead();
    const paths = internal(spans).map((span) => span.attributes.get("file.path"));
    assert.deepEqual(
      paths.filter((path) => path !== fifo),
      [],
    );
    assert.equal(paths.length, 1);
  });

  it("tells everything with mode all and threshold 0, offsets included", async () => {
    const { port, data } = await startServer();
    const receiver = "{ io_events: { mode: all, threshold: 0s, as: spans } }";
    const sockspan = await Sockspan.start(scratch, { receiver });
    await get(port, "/quick");
    const spans = await sockspan.stopAndRead();
    const read = internal(spans).find((span) => span.attributes.get("file.path") === data)!;
    assert.equal(read.attributes.get("sockspan.io.offset"), 3);
    assert.equal(read.attributes.get("sockspan.io.bytes"), 4);
    assert.equal(read.parentSpanId, serverOf(spans, "/quick").spanId);
  });

  it("attaches nothing for it unless asked to", async () => {
    const sockspan = await Sockspan.start(scratch);
    assert.doesNotMatch(sockspan.program.output, /io_sys|sys_enter/);
    await sockspan.stopAndRead();
  });
});
