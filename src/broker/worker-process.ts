/** The worker as the broker sees it: a child that asks, is answered, and ends. */

import { type ChildProcess, spawn } from "node:child_process";
import { Duplex, type Readable, type Writable } from "node:stream";
import type { MapDescriptor } from "../bpf/map.ts";
import { messageOf } from "../error.ts";
import type { ControlQuestion } from "../ipc/control.ts";
import { type BrokerMessage, type WorkerRequest, workerMessage, workerRequest } from "../ipc/messages.ts";
import { streamChannel } from "../ipc/stream-channel.ts";
import { heapEnvironment } from "./heap-environment.ts";
import { WorkerQuestions } from "./worker-questions.ts";

/** stdin, stdout, stderr and the message channel come first. */
const FIRST_INHERITED_FD = 4;

interface WorkerOptions {
  readonly entry: string;
  readonly nodeArguments: readonly string[];
  /** Descriptors of the broker's table that the worker gets, in this order from FIRST_INHERITED_FD on. */
  readonly inherited: readonly number[];
  /** Streams for threads of the worker, behind the inherited ones. */
  readonly threadChannels?: number;
  readonly answer: (request: WorkerRequest) => Promise<unknown>;
  readonly onEvent: (name: string, value: unknown) => void;
  readonly onExit: (code: number | null, signal: NodeJS.Signals | null) => void;
  /** The worker sent what no worker of ours sends. */
  readonly onBadMessage: (reason: string) => void;
}

export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #options: WorkerOptions;
  readonly #questions = new WorkerQuestions();

  constructor(options: WorkerOptions) {
    this.#options = options;
    const pipes = Array.from({ length: options.threadChannels ?? 0 }, () => "pipe" as const);
    this.#child = spawn(process.execPath, [...options.nodeArguments, options.entry], {
      stdio: ["ignore", "inherit", "inherit", "ipc", ...options.inherited, ...pipes],
      env: heapEnvironment(),
    });
    this.#child.on("message", (message) => void this.#receive(message, (reply) => this.send(reply)));
    pipes.forEach((_, index) => {
      this.#listen(this.#child.stdio[FIRST_INHERITED_FD + options.inherited.length + index]);
    });
    this.#child.on("exit", options.onExit);
    this.#child.on("error", () => options.onExit(null, null));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(message: BrokerMessage): void {
    if (this.#child.connected) this.#child.send(message);
  }

  ask(question: ControlQuestion): Promise<unknown> {
    return this.#questions.ask(question, (message) => this.send(message));
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** libuv makes such a pipe of a socket pair: it carries both ways. */
  #listen(stream: Readable | Writable | null | undefined): void {
    if (!(stream instanceof Duplex)) return;
    const channel = streamChannel<BrokerMessage, unknown>(stream);
    channel.onMessage((message) => void this.#receive(message, (reply) => channel.send(reply)));
  }

  async #receive(message: unknown, send: (reply: BrokerMessage) => unknown): Promise<void> {
    const parsed = workerMessage.safeParse(message);
    if (!parsed.success) {
      this.#options.onBadMessage("unknown message");
      return;
    }
    if (parsed.data.kind === "event") {
      this.#options.onEvent(parsed.data.name, parsed.data.value);
      return;
    }
    if (parsed.data.kind === "answer") {
      this.#questions.answered(parsed.data.id, parsed.data.value);
      return;
    }
    const { id, request } = parsed.data;
    const checked = workerRequest.safeParse(request);
    if (!checked.success) {
      this.#options.onBadMessage("unknown request");
      send({ kind: "error", id, message: "unknown request" });
      return;
    }
    try {
      send({ kind: "reply", id, value: await this.#options.answer(checked.data) });
    } catch (error) {
      send({ kind: "error", id, message: messageOf(error) });
    }
  }
}

/** Where the descriptors of a list land in the worker's table. */
export function inheritedAs(descriptors: readonly MapDescriptor[], firstIndex = 0): MapDescriptor[] {
  return descriptors.map((descriptor, i) => ({ ...descriptor, fd: FIRST_INHERITED_FD + firstIndex + i }));
}

export function inheritedFd(index: number): number {
  return FIRST_INHERITED_FD + index;
}
