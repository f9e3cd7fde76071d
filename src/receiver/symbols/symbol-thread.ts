/** Entry of the symbol thread: parses tables and looks addresses up, so that spans never wait for it. */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { BrokerClient } from "../../ipc/broker-client.ts";
import type { Replies } from "../../ipc/messages.ts";
import { streamChannel } from "../../ipc/stream-channel.ts";
import { collectStartUpGarbage } from "../../start-up-garbage.ts";
import { parseMappings } from "../runtimes/parse-mappings.ts";
import { loadDemangler } from "./demangle.ts";
import { SymbolStore } from "./symbol-store.ts";
import type { FromThread, ResolveRequest, SymbolAsk, SymbolThreadData, ToThread } from "./thread-message.ts";

const TIDY_INTERVAL_MS = 5000;
const VDSO_LIMIT_BYTES = 256 << 10;

const port = parentPort;
if (port !== null) serve(port);

function serve(port: NonNullable<typeof parentPort>): void {
  loadDemangler();
  const say = (message: FromThread) => port.postMessage(message);
  const questions = new Map<number, (value: unknown) => void>();
  const { channelFd } = workerData as SymbolThreadData;
  const ask = channelFd === undefined ? askOwner(say, questions) : askBroker(channelFd);
  const store = new SymbolStore({
    ask,
    nowMs: () => performance.now(),
    vdso: ownVdso(),
  });

  port.on("message", (message: ToThread) => {
    switch (message.kind) {
      case "seen":
        store.seen(message.tgid);
        return;
      case "forked":
        store.forked(message.tgid, message.parentTgid);
        return;
      case "executed":
        store.executed(message.tgid);
        return;
      case "exited":
        store.exited(message.tgid);
        return;
      case "answer":
        questions.get(message.id)?.(message.value);
        questions.delete(message.id);
        return;
      case "resolve":
        void resolve(store, message).then(say);
    }
  });
  setInterval(() => store.tidy(), TIDY_INTERVAL_MS);
  store.prepareKernelSymbols();
  collectStartUpGarbage();
  say({ kind: "ready" });
}

type Ask = <R extends SymbolAsk>(request: R) => Promise<Replies[R["type"]] | undefined>;

/** By itself, so that nothing passes through the thread of spans. */
function askBroker(channelFd: number): Ask {
  const client = new BrokerClient(streamChannel(new Socket({ fd: channelFd })));
  return (request) => client.request(request).catch(() => undefined);
}

function askOwner(say: (message: FromThread) => void, questions: Map<number, (value: unknown) => void>): Ask {
  let last = 0;
  return (request) =>
    new Promise((resolve) => {
      last++;
      questions.set(last, resolve as (value: unknown) => void);
      say({ kind: "ask", id: last, request });
    });
}

async function resolve(
  store: SymbolStore,
  { id, deadlineMs, processes, kernelAddresses }: ResolveRequest,
): Promise<FromThread> {
  const endMs = performance.now() + deadlineMs;
  const [kernelFrames, ...resolved] = await Promise.all([
    store.resolveKernel(kernelAddresses, endMs),
    ...processes.map(({ tgid, addresses }) => store.resolve(tgid, addresses, endMs)),
  ]);
  return { kind: "resolved", id, processes: resolved, kernelFrames };
}

/** It is the same in every process of 64 bits, and ours is not a stranger's. Read while this process still may. */
function ownVdso(): Uint8Array | undefined {
  try {
    const mapping = parseMappings(readFileSync("/proc/self/maps", "utf8")).find(({ path }) => path === "[vdso]");
    if (mapping === undefined) return undefined;
    const fd = openSync("/proc/self/mem", "r");
    try {
      const bytes = Buffer.alloc(Math.min(mapping.end - mapping.start, VDSO_LIMIT_BYTES));
      return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, mapping.start));
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}
