/** The worker as the broker sees it: a child that asks, is answered, and ends. */
import { type ChildProcess, spawn } from "node:child_process";
import type { MapDescriptor } from "../bpf/map.ts";
import { type BrokerMessage, type WorkerRequest, workerMessage, workerRequest } from "../ipc/messages.ts";

/** stdin, stdout, stderr and the message channel come first. */
const FIRST_INHERITED_FD = 4;

export interface WorkerOptions {
  readonly entry: string;
  readonly nodeArguments: readonly string[];
  /** Descriptors of the broker's table that the worker gets, in this order from FIRST_INHERITED_FD on. */
  readonly inherited: readonly number[];
  readonly answer: (request: WorkerRequest) => Promise<unknown>;
  readonly onEvent: (name: string, value: unknown) => void;
  readonly onExit: (code: number | null, signal: NodeJS.Signals | null) => void;
  /** The worker sent what no worker of ours sends. */
  readonly onBadMessage: (reason: string) => void;
}

export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #options: WorkerOptions;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#child = spawn(process.execPath, [...options.nodeArguments, options.entry], {
      stdio: ["ignore", "inherit", "inherit", "ipc", ...options.inherited],
    });
    this.#child.on("message", (message) => void this.#receive(message));
    this.#child.on("exit", options.onExit);
    this.#child.on("error", () => options.onExit(null, null));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(message: BrokerMessage): void {
    if (this.#child.connected) this.#child.send(message);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async #receive(message: unknown): Promise<void> {
    const parsed = workerMessage.safeParse(message);
    if (!parsed.success) {
      this.#options.onBadMessage("unknown message");
      return;
    }
    if (parsed.data.kind === "event") {
      this.#options.onEvent(parsed.data.name, parsed.data.value);
      return;
    }
    const { id, request } = parsed.data;
    const checked = workerRequest.safeParse(request);
    if (!checked.success) {
      this.#options.onBadMessage("unknown request");
      this.send({ kind: "error", id, message: "unknown request" });
      return;
    }
    try {
      this.send({ kind: "reply", id, value: await this.#options.answer(checked.data) });
    } catch (error) {
      this.send({ kind: "error", id, message: error instanceof Error ? error.message : String(error) });
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
