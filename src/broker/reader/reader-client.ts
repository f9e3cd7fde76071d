/**
 * The broker's side of the reader process, which answers in order: each request has a deadline from when it is the first. A
 * request that hangs costs the reader its life and nothing else: a new one takes the rest. Some are on their way to it at
 * any time, since on a busy host each turn between two processes waits for a processor. Tables of symbols are megabytes that nobody waits for;
 * whatever spans and stacks wait for goes before them.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { ProcessRead, Replies, SymbolRead } from "../../ipc/messages.ts";
import type { ProcessFacts } from "../../ipc/process-facts.ts";
import { heapEnvironment } from "../heap-environment.ts";

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

/** On their way to the reader. */
const WINDOW = 16;
/** So many go before one read of a file that waits, which is then late but comes. */
const AHEAD_LIMIT = 16;

interface ReaderOptions {
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
  /** The reader has them; it works on the first. */
  readonly #sent: Waiting[] = [];
  readonly #urgent: Waiting[] = [];
  readonly #files: Waiting[] = [];
  #ahead = 0;
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
    const queue = read.type === "file_read" ? this.#files : this.#urgent;
    if (this.#isStopped || queue.length >= QUEUE_LIMIT) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#lastId++;
      queue.push({ id: this.#lastId, read, resolve });
      this.#fill();
    });
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#child?.kill("SIGKILL");
    const waiting = [this.#sent, this.#urgent, this.#files].flatMap((queue) => queue.splice(0));
    for (const { resolve } of waiting) resolve(null);
  }

  #spawn(): ChildProcess {
    const child = spawn(process.execPath, [...NODE_ARGUMENTS, this.#options.entry], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: heapEnvironment(),
    });
    if (child.pid !== undefined) this.#options.onStart(child.pid);
    child.on("message", (message) => this.#receive(child, message as ReaderReply));
    child.on("exit", () => this.#lose(child));
    child.on("error", () => this.#lose(child));
    return child;
  }

  #receive(child: ChildProcess, reply: ReaderReply): void {
    if (child === this.#child && this.#sent[0]?.id === reply.id) this.#settleFirst(reply.value);
  }

  #fill(): void {
    const wasIdle = this.#sent.length === 0;
    while (this.#sent.length < WINDOW) {
      const next = this.#takeNext();
      if (next === undefined) break;
      this.#sent.push(next);
      this.#send(next);
    }
    if (wasIdle) this.#watchFirst();
  }

  #send({ id, read }: Waiting): void {
    this.#child ??= this.#spawn();
    if (this.#child.connected) this.#child.send({ id, read } satisfies ReaderRequest);
  }

  #watchFirst(): void {
    clearTimeout(this.#timer);
    const first = this.#sent[0];
    if (first === undefined) return;
    const tgid = "tgid" in first.read ? first.read.tgid : undefined;
    this.#timer = setTimeout(() => this.#giveUp(tgid), this.#options.timeoutMs);
  }

  #takeNext(): Waiting | undefined {
    const isFilesTurn = this.#urgent.length === 0 || (this.#files.length > 0 && this.#ahead >= AHEAD_LIMIT);
    this.#ahead = isFilesTurn ? 0 : this.#ahead + 1;
    return (isFilesTurn ? this.#files : this.#urgent).shift();
  }

  #settleFirst(value: unknown): void {
    this.#sent.shift()?.resolve(value);
    this.#watchFirst();
    this.#fill();
  }

  /** What the reader had beside the first goes to another. */
  #replace(): void {
    this.#child = undefined;
    const first = this.#sent.shift();
    for (const waiting of this.#sent) this.#send(waiting);
    first?.resolve(null);
    this.#watchFirst();
    this.#fill();
  }

  #giveUp(tgid: number | undefined): void {
    this.#options.onHang(tgid);
    // A read that even SIGKILL does not end leaves a process behind; we go on all the same.
    const hanging = this.#child;
    this.#replace();
    hanging?.kill("SIGKILL");
  }

  /** It ended by itself: the request that it had may be why, so nobody else gets it. */
  #lose(child: ChildProcess): void {
    if (child === this.#child && !this.#isStopped) this.#replace();
  }
}
