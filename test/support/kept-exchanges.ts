/** Worker: plays exchanges one after the other, and says how many of them are still held. In a heap of its own, which is looked through quickly. */
import * as v8 from "node:v8";
import { parentPort, workerData } from "node:worker_threads";
import { TraceNode } from "../../src/mapping/join/trace-node.ts";
import { SocketEnd } from "../../src/mapping/socket-end.ts";
import { IPPROTO_UDP } from "./events.ts";
import { get, Host, ok } from "./host.ts";

const CLIENT = { tgid: 10, comm: "client" };
const PROXY = { tgid: 20, comm: "proxy" };
const SERVER = { tgid: 30, comm: "server" };

export type KeptShape = "loop" | "proxy" | "connections" | "lookups";

/** Since Node 20.13: collects what nothing holds, and counts what is left. */
const { queryObjects } = v8 as { readonly queryObjects?: (of: unknown) => number };

function play(shape: KeptShape, count: number): Host {
  const host = new Host();
  const [near, far] = [host.connect(), host.connect({ serverPort: 8081 })];
  for (let index = 0; index < count; index++) {
    const request = get(`/${index}`);
    if (shape === "lookups") {
      const link = host.connect({ serverPort: 53, protocol: IPPROTO_UDP });
      link.request(CLIENT, SERVER, lookup(index, false)).respond(SERVER, CLIENT, lookup(index, true));
    } else if (shape === "connections") {
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
  if (shape === "lookups") host.pass(70_000);
  return host;
}

/** DNS: whether a.test has an address, and that it has none. */
function lookup(id: number, isAnswer: boolean): Uint8Array {
  const header = [id >> 8, id & 0xff, isAnswer ? 0x81 : 1, isAnswer ? 0x83 : 0, 0, 1, 0, 0, 0, 0, 0, 0];
  return Uint8Array.from([...header, 1, 0x61, 4, 0x74, 0x65, 0x73, 0x74, 0, 0, 1, 0, 1]);
}

const { shape, count } = workerData as { readonly shape: KeptShape; readonly count: number };
const host = play(shape, count);
const kept = queryObjects?.(shape === "lookups" ? SocketEnd : TraceNode);
parentPort?.postMessage({ kept, spans: host.spans.length });
