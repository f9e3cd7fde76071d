/** Worker: plays exchanges one after the other, and says how many of them are still held. In a heap of its own, which is looked through quickly. */
import * as v8 from "node:v8";
import { parentPort, workerData } from "node:worker_threads";
import { TraceNode } from "../../src/mapping/join/trace-node.ts";
import { get, Host, ok } from "./host.ts";

const CLIENT = { tgid: 10, comm: "client" };
const PROXY = { tgid: 20, comm: "proxy" };
const SERVER = { tgid: 30, comm: "server" };

export type KeptShape = "loop" | "proxy" | "connections";

/** Since Node 20.13: collects what nothing holds, and counts what is left. */
const { queryObjects } = v8 as { readonly queryObjects?: (of: unknown) => number };

function play(shape: KeptShape, count: number): Host {
  const host = new Host();
  const [near, far] = [host.connect(), host.connect({ serverPort: 8081 })];
  for (let index = 0; index < count; index++) {
    const request = get(`/${index}`);
    if (shape === "connections") {
      const link = host.connect().connecting(CLIENT);
      link.request(CLIENT, SERVER, request).respond(SERVER, CLIENT, ok());
      link.close();
    } else if (shape === "loop") near.request(CLIENT, SERVER, request).respond(SERVER, CLIENT, ok());
    else {
      near.request(CLIENT, PROXY, request);
      far.request(PROXY, SERVER, request).respond(SERVER, PROXY, ok());
      near.respond(PROXY, CLIENT, ok());
    }
    host.pass(1);
  }
  return host;
}

const { shape, count } = workerData as { readonly shape: KeptShape; readonly count: number };
const host = play(shape, count);
const kept = queryObjects?.(TraceNode);
parentPort?.postMessage({ kept, spans: host.spans.length });
