import assert from "node:assert/strict";
import { BrokerClient, type WorkerMessage } from "../../src/ipc/broker-client.ts";
import type { BrokerMessage } from "../../src/ipc/messages.ts";
import { workerMessage, workerRequest } from "../../src/ipc/messages.ts";

/** The broker's end, played by the test. */
function pair() {
  const sent: WorkerMessage[] = [];
  let receive: (message: BrokerMessage) => void = () => {};
  let close: () => void = () => {};
  const client = new BrokerClient({
    send: (message) => {
      sent.push(message);
      return true;
    },
    onMessage: (listener) => {
      receive = listener;
    },
    onClose: (listener) => {
      close = listener;
    },
  });
  return { client, sent, receive: (message: BrokerMessage) => receive(message), close: () => close() };
}

describe("BrokerClient", () => {
  it("pairs answers with requests by number, in any order", async () => {
    const { client, sent, receive } = pair();
    const first = client.request({ type: "process_facts", tgid: 1 });
    const second = client.request({ type: "loss_counters" });
    const ids = sent.map((message) => (message.kind === "request" ? message.id : -1));
    receive({ kind: "reply", id: ids[1]!, value: [] });
    receive({ kind: "reply", id: ids[0]!, value: null });
    assert.equal(await first, null);
    assert.deepEqual(await second, []);
  });

  it("fails what waits when the broker refuses or is gone", async () => {
    const { client, sent, receive, close } = pair();
    const refused = client.request({ type: "attach" });
    const orphan = client.request({ type: "loss_counters" });
    const [message] = sent;
    receive({ kind: "error", id: message?.kind === "request" ? message.id : -1, message: "no" });
    await assert.rejects(refused, { code: "BROKER_REQUEST_FAILED", message: /attach: no/ });
    close();
    await assert.rejects(orphan, { code: "BROKER_REQUEST_FAILED" });
  });

  it("ignores an answer that nobody waits for", async () => {
    const { client, sent, receive } = pair();
    const waiting = client.request({ type: "loss_counters" });
    receive({ kind: "reply", id: 99, value: 1 });
    receive({ kind: "error", id: 98, message: "x" });
    const [message] = sent;
    receive({ kind: "reply", id: message?.kind === "request" ? message.id : -1, value: [] });
    assert.deepEqual(await waiting, []);
  });

  it("passes on shutdown", () => {
    const { client, receive } = pair();
    const heard: unknown[] = [];
    client.onShutdown(() => heard.push("shutdown"));
    receive({ kind: "shutdown" });
    assert.deepEqual(heard, ["shutdown"]);
  });
});

describe("requests of the worker", () => {
  it("are refused when they are anything else than the few that there are", () => {
    for (const request of [
      undefined,
      {},
      { type: "exec", command: "sh" },
      { type: "process_facts", tgid: "1" },
      { type: "process_facts", tgid: -1 },
      { type: "process_facts", tgid: 1, path: "/etc/shadow" },
      { type: "map_write", map: "x".repeat(33), entries: [] },
      { type: "map_write", map: "m", entries: [{ key: "not base64!", value: "" }] },
      { type: "map_write", map: "m", entries: Array(5000).fill({ key: "AA==", value: "AA==" }) },
    ]) {
      assert.equal(workerRequest.safeParse(request).success, false, JSON.stringify(request));
    }
    assert.equal(workerMessage.safeParse({ kind: "hello" }).success, false);
  });
});
