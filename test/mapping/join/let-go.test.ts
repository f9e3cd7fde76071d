import { equal, ok as isTrue } from "node:assert/strict";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { KeptShape } from "../../support/kept-exchanges.ts";
import { skip } from "../../support/skip.ts";

const COUNT = 500;
const FEW = 40;

async function keptOf(shape: KeptShape): Promise<{ readonly kept: number | undefined; readonly spans: number }> {
  const worker = new Worker(new URL("../../support/kept-exchanges.js", import.meta.url), {
    workerData: { shape, count: COUNT },
  });
  const [message] = await once(worker, "message");
  await worker.terminate();
  return message;
}

describe("what a span that has left keeps alive", () => {
  it("is nothing of the calls before it in a loop that calls on and on", async function () {
    const { kept, spans } = await keptOf("loop");
    equal(spans, COUNT * 2);
    if (kept === undefined) skip(this, "node gives no access to the collector");
    isTrue(kept < FEW, `${kept} of ${spans} exchanges are kept`);
  });

  it("is nothing of the calls before it where each has a connection of its own", async function () {
    const { kept, spans } = await keptOf("connections");
    equal(spans, COUNT * 2);
    if (kept === undefined) skip(this, "node gives no access to the collector");
    isTrue(kept < FEW, `${kept} of ${spans} exchanges are kept`);
  });

  it("is nothing of a minute ago where each is asked from a port of its own, over UDP", async function () {
    const { kept, spans } = await keptOf("lookups");
    equal(spans, COUNT * 2);
    if (kept === undefined) skip(this, "node gives no access to the collector");
    isTrue(kept < FEW, `${kept} of ${spans} exchanges are kept`);
  });

  it("is nothing of the requests before it in a proxy", async function () {
    const { kept, spans } = await keptOf("proxy");
    equal(spans, COUNT * 4);
    if (kept === undefined) skip(this, "node gives no access to the collector");
    isTrue(kept < FEW, `${kept} of ${spans} exchanges are kept`);
  });
});
