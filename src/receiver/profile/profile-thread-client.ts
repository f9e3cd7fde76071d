/** The profiler's thread as the receiver sees it. */
import { Worker } from "node:worker_threads";
import type { CaptureDescriptors } from "../../ipc/messages.ts";
import { endsWithin } from "../ends-within.ts";
import { ProfilerFailedError } from "./error.ts";
import type { ProfileBatch, ProfileMessage, ProfileOrder, ProfileThreadData } from "./profile-message.ts";

/** Of the time to stop: emptying the ring, before and after, needs the rest. */
const NAMING_SHARE = 0.5;

export interface ProfileThreadOutput {
  batch(batch: ProfileBatch): void;
  failed(error: ProfilerFailedError): void;
}

interface ProfileThreadOptions extends Omit<ProfileThreadData, "capture" | "channelFd"> {
  readonly capture: CaptureDescriptors | undefined;
  readonly channelFd: number | undefined;
}

/** As the receiver uses it. */
export type ProfilerThread = Pick<ProfileThread, "ready" | "describe" | "stop">;

export class ProfileThread {
  readonly #worker: Worker;
  readonly #output: ProfileThreadOutput;
  readonly #ready = new Signal();
  readonly #described = new Signal();
  readonly #ended = new Signal();
  #unnamed = 0;

  constructor({ capture, channelFd, ...data }: ProfileThreadOptions, output: ProfileThreadOutput) {
    if (capture === undefined || channelFd === undefined) throw new ProfilerFailedError("the broker samples nothing");
    this.#output = output;
    this.#worker = new Worker(new URL("./profile-thread.js", import.meta.url), {
      workerData: { ...data, capture, channelFd } satisfies ProfileThreadData,
      resourceLimits: { maxOldGenerationSizeMb: 192, maxYoungGenerationSizeMb: 3 },
    });
    this.#worker.on("message", (message: ProfileMessage) => this.#receive(message));
    this.#worker.on("error", (error) => this.#fail(String(error)));
    this.#worker.on("exit", () => this.#ended.give());
  }

  ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Their tables are made, or the time is over. */
  async describe(tgids: readonly number[], limitMs: number): Promise<void> {
    this.#order({ kind: "describe", tgids });
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limitMs);
    });
    await Promise.race([this.#described.promise, timeout]);
    clearTimeout(timer);
  }

  /**
   * Gives what is still in the ring, then ends. After the limit it is ended by force, and what it had not read is lost.
   * @returns samples that it had read and does not give
   */
  async stop(limitMs: number): Promise<number> {
    this.#order({ kind: "stop", limitMs: limitMs * NAMING_SHARE });
    const isEnded = await endsWithin(this.#ended.promise, limitMs);
    if (!isEnded) this.#fail("it did not end in time, the last samples are lost");
    // One that is busy in the kernel ends when that lets it.
    await endsWithin(this.#worker.terminate(), limitMs);
    return this.#unnamed;
  }

  #receive(message: ProfileMessage): void {
    if (message.kind === "batch") this.#output.batch(message);
    else if (message.kind === "ready") this.#ready.give();
    else if (message.kind === "described") this.#described.give();
    else if (message.kind === "ended") {
      this.#unnamed = message.unnamed;
      this.#ended.give();
    } else this.#fail(message.message);
  }

  #order(order: ProfileOrder): void {
    this.#worker.postMessage(order);
  }

  #fail(message: string): void {
    this.#output.failed(new ProfilerFailedError(message));
    for (const signal of [this.#ready, this.#described, this.#ended]) signal.give();
  }
}

class Signal {
  readonly promise: Promise<void>;
  #resolve: () => void = () => {};

  constructor() {
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  give(): void {
    this.#resolve();
  }
}
