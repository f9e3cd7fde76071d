/**
 * The broker's side of the reader process: requests in order, one at a time, each with a deadline. A request that hangs
 * costs the reader its life and nothing else: a new one takes the rest of the queue.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { ProcessRead, Replies, SymbolRead } from "../ipc/messages.ts";
import type { ProcessFacts } from "../ipc/process-facts.ts";

const QUEUE_LIMIT = 10_000;
/** It waits for files: what it holds is soon garbage, and needs no helpers to collect. */
const NODE_ARGUMENTS = ["--single-threaded-gc", "--max-semi-space-size=1", "--max-old-space-size=64"];

export type ReadRequest = { readonly type: "process_facts"; readonly tgid: number } | ProcessRead | SymbolRead;

export interface ReaderRequest {
  readonly id: number;
  readonly read: ReadRequest;
}

export interface ReaderReply {
  readonly id: number;
  readonly value: unknown;
}

interface Waiting extends ReaderRequest {
  /** null: the reader was lost. */
  readonly resolve: (value: unknown) => void;
}

export interface ReaderOptions {
  /** Compiled entry file of the reader. */
  readonly entry: string;
  readonly timeoutMs: number;
  /** There is a new reader process, which must not be traced. */
  readonly onStart: (pid: number) => void;
  /** A read of this process did not come back; undefined: of a file that may be anybody's. */
  readonly onHang: (tgid: number | undefined) => void;
}

export class ReaderClient {
  readonly #options: ReaderOptions;
  readonly #queue: Waiting[] = [];
  #child: ChildProcess | undefined;
  #lastId = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#child = this.#spawn();
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** null: the process is gone, or reading it hangs. */
  processFacts(tgid: number): Promise<ProcessFacts | null> {
    return this.#ask({ type: "process_facts", tgid }) as Promise<ProcessFacts | null>;
  }

  /** null: the reader was lost while it read. */
  read<R extends ProcessRead | SymbolRead>(request: R): Promise<Replies[R["type"]] | null> {
    return this.#ask(request) as Promise<Replies[R["type"]] | null>;
  }

  #ask(read: ReadRequest): Promise<unknown> {
    if (this.#isStopped || this.#queue.length >= QUEUE_LIMIT) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#lastId++;
      this.#queue.push({ id: this.#lastId, read, resolve });
      if (this.#queue.length === 1) this.#sendFirst();
    });
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#child?.kill("SIGKILL");
    for (const { resolve } of this.#queue.splice(0)) resolve(null);
  }

  #spawn(): ChildProcess {
    const child = spawn(process.execPath, [...NODE_ARGUMENTS, this.#options.entry], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    if (child.pid !== undefined) this.#options.onStart(child.pid);
    child.on("message", (message) => this.#receive(child, message as ReaderReply));
    child.on("exit", () => this.#lose(child));
    child.on("error", () => this.#lose(child));
    return child;
  }

  #receive(child: ChildProcess, reply: ReaderReply): void {
    if (child === this.#child && this.#queue[0]?.id === reply.id) this.#settleFirst(reply.value);
  }

  #sendFirst(): void {
    const first = this.#queue[0];
    if (first === undefined) return;
    this.#child ??= this.#spawn();
    const tgid = "tgid" in first.read ? first.read.tgid : undefined;
    this.#timer = setTimeout(() => this.#giveUp(tgid), this.#options.timeoutMs);
    if (this.#child.connected) this.#child.send({ id: first.id, read: first.read } satisfies ReaderRequest);
  }

  #settleFirst(value: unknown): void {
    clearTimeout(this.#timer);
    this.#queue.shift()?.resolve(value);
    this.#sendFirst();
  }

  #giveUp(tgid: number | undefined): void {
    this.#options.onHang(tgid);
    // A read that even SIGKILL does not end leaves a process behind; we go on all the same.
    const hanging = this.#child;
    this.#child = undefined;
    hanging?.kill("SIGKILL");
    this.#settleFirst(null);
  }

  /** It ended by itself: the request that it had may be why, so nobody else gets it. */
  #lose(child: ChildProcess): void {
    if (child !== this.#child || this.#isStopped) return;
    this.#child = undefined;
    this.#settleFirst(null);
  }
}
