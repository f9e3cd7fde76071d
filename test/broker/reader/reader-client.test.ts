import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ReaderClient } from "../../../src/broker/reader/reader-client.ts";

const ENTRY = fileURLToPath(new URL("./fake-reader.js", import.meta.url));

describe("ReaderClient", function () {
  this.timeout(10_000);
  let client: ReaderClient | undefined;
  const hung: (number | undefined)[] = [];

  function start(timeoutMs: number): ReaderClient {
    hung.length = 0;
    client = new ReaderClient({ entry: ENTRY, timeoutMs, onStart: () => {}, onHang: (tgid) => hung.push(tgid) });
    return client;
  }

  afterEach(() => client?.stop());

  it("answers in order", async () => {
    const reader = start(10_000);
    const facts = await Promise.all([2, 4, 6].map((tgid) => reader.processFacts(tgid)));
    assert.deepEqual(
      facts.map((value) => value?.tgid),
      [2, 4, 6],
    );
  });

  it("kills a reader that hangs, says which process it was, and answers the rest by a new one", async () => {
    const reader = start(1500);
    const first = await reader.processFacts(2);
    const [hanging, next] = await Promise.all([reader.processFacts(3), reader.processFacts(4)]);
    assert.equal(hanging, null);
    assert.deepEqual(hung, [3]);
    assert.equal(next?.tgid, 4);
    assert.notEqual(next?.parentTgid, first?.parentTgid, "another reader");
  });

  it("survives a reader that dies, and the request that killed it ends too", async () => {
    const reader = start(1500);
    const [deadly, next] = await Promise.all([reader.processFacts(100), reader.processFacts(2)]);
    assert.equal(deadly, null);
    assert.equal(next?.tgid, 2);
  });

  it("reads symbols after all that somebody waits for", async () => {
    const reader = start(10_000);
    const order: string[] = [];
    const file = { type: "file_read", file: "1", offset: 0, lengthBytes: 1 } as const;
    const note = (name: string, read: Promise<unknown>) => read.then(() => order.push(name));
    // What is on its way already stays before.
    const reads = Array.from({ length: 16 }, (_, i) => note(`sent ${i}`, reader.processFacts(2)));
    reads.push(note("file", reader.read(file)));
    for (let i = 0; i < 40; i++) reads.push(note(`process ${i}`, reader.processFacts(2)));
    await Promise.all(reads);
    assert.equal(order[0], "sent 0");
    assert.ok(order.indexOf("file") > 20, order.join());
    assert.ok(order.indexOf("file") < 50, "it is not starved");
  });

  it("answers what waits when it is stopped", async () => {
    const reader = start(10_000);
    const waiting = [reader.processFacts(3), reader.processFacts(2)];
    reader.stop();
    assert.deepEqual(await Promise.all(waiting), [null, null]);
    assert.equal(await reader.processFacts(2), null);
  });
});
