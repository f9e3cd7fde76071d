/** The drain thread as the receiver sees it. */
import { Worker } from "node:worker_threads";
import type { MapDescriptor } from "../../bpf/map.ts";
import { partEnd } from "./batch-part.ts";
import type { DrainMessage, DrainOrder, DrainThreadData } from "./drain-message.ts";
import { DrainFailedError } from "./error.ts";

/** Holds some hundred events; a batch is decoded in a few milliseconds. */
const BATCH_SIZE_BYTES = 256 * 1024;
/** Kept for good; more are made while the decoder is behind, and let go when it has caught up. */
const BATCH_COUNT = 32;
/** With the ring itself, what a burst may pile up: 64 MiB. */
const MAX_BATCH_COUNT = 256;

export interface DrainOutput {
  /** Copies of records that a batch brings later: programs that begin. */
  news(records: DataView, lengthBytes: number): void;
  /**
   * Records as they lay in the ring; the view is only valid during the call.
   *
   * @param timestampNs what was submitted before has been given; undefined: more of this batch comes
   */
  batch(records: DataView, lengthBytes: number, timestampNs: number | undefined): void;
  /** The same, when there is no time left to read them. */
  cut(records: DataView, lengthBytes: number): void;
  /** Everything that was submitted before has been given. */
  idle(timestampNs: number): void;
  /** More comes than is read in time: capture is paused until what waits has been given. */
  overloaded(): void;
  /** Between these moments capture was paused. Everything from before has been given. */
  paused(fromNs: number, toNs: number): void;
  failed(error: DrainFailedError): void;
  /** Something waits for several turns of the event loop: batches are given in small parts meanwhile. */
  isHurried(): boolean;
}

/** All but what is heard at once. */
type InOrder = Exclude<DrainMessage, { kind: "news" | "overloaded" }>;

export class Drain {
  readonly #thread: Worker;
  readonly #output: DrainOutput;
  readonly #ready: Promise<void>;
  readonly #ended: Promise<void>;
  /** What the thread has said and nobody has acted on. */
  readonly #inbox: InOrder[] = [];
  /** Of the first of them, a batch, so much has been given. */
  #givenBytes = 0;
  #isScheduled = false;
  #isLate = false;
  #onReady: () => void = () => {};
  #onEnded: () => void = () => {};

  constructor(ring: MapDescriptor, pause: MapDescriptor, output: DrainOutput) {
    this.#output = output;
    this.#ready = new Promise((resolve) => {
      this.#onReady = resolve;
    });
    this.#ended = new Promise((resolve) => {
      this.#onEnded = resolve;
    });
    this.#thread = new Worker(new URL("./drain-thread.js", import.meta.url), {
      workerData: {
        ring: { ...ring },
        pause: { ...pause },
        batchSizeBytes: BATCH_SIZE_BYTES,
        batchCount: BATCH_COUNT,
        maxBatchCount: MAX_BATCH_COUNT,
      } satisfies DrainThreadData,
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
    });
    this.#thread.on("message", (message: DrainMessage) => this.#receive(message));
    this.#thread.on("error", (error) => this.#fail(String(error)));
    // Behind what it gave before: batches still wait when the thread is gone.
    this.#thread.on("exit", () => this.#receive({ kind: "ended" }));
  }

  /** The thread has loaded its code and mapped the ring: privileges may go. */
  ready(): Promise<void> {
    return this.#ready;
  }

  /** Gives what is still in the ring, then ends; what was not given within the limit is cut. */
  async stop(limitMs: number): Promise<void> {
    this.#order({ kind: "stop" }, []);
    const timer = setTimeout(() => {
      this.#isLate = true;
    }, limitMs);
    await this.#ended;
    clearTimeout(timer);
    await this.#thread.terminate();
  }

  #receive(message: DrainMessage): void {
    if (message.kind === "news") {
      const { buffer, byteLength } = message.records;
      this.#output.news(new DataView(buffer), byteLength);
      return;
    }
    if (message.kind === "overloaded") {
      this.#output.overloaded();
      return;
    }
    this.#inbox.push(message);
    this.#schedule();
  }

  /**
   * A part of a batch for each turn of the event loop: a port gives all its messages at once, and under load exporters, pages
   * and timers would wait until a whole ring is decoded.
   */
  #schedule(): void {
    if (this.#isScheduled || this.#inbox.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      const message = this.#inbox[0];
      if (message !== undefined && this.#act(message)) this.#inbox.shift();
      this.#schedule();
    });
  }

  /** @returns whether that is all of it */
  #act(message: InOrder): boolean {
    switch (message.kind) {
      case "batch":
        return this.#give(message);
      case "idle":
        this.#output.idle(message.timestampNs);
        return true;
      case "pause":
        this.#output.paused(message.fromNs, message.toNs);
        return true;
      case "ready":
        this.#onReady();
        return true;
      case "failed":
        this.#fail(message.message);
        return true;
      case "ended":
        this.#onEnded();
        return true;
    }
  }

  #give({ buffer, lengthBytes, timestampNs }: Extract<DrainMessage, { kind: "batch" }>): boolean {
    const start = this.#givenBytes;
    const end = this.#isLate
      ? lengthBytes
      : partEnd(new DataView(buffer), start, lengthBytes, this.#output.isHurried());
    const part = new DataView(buffer, start, end - start);
    const isLast = end >= lengthBytes;
    this.#givenBytes = isLast ? 0 : end;
    if (this.#isLate) this.#output.cut(part, end - start);
    else this.#output.batch(part, end - start, isLast ? timestampNs : undefined);
    if (isLast) this.#order({ kind: "buffer", buffer }, [buffer]);
    return isLast;
  }

  #order(order: DrainOrder, transfer: ArrayBuffer[]): void {
    this.#thread.postMessage(order, transfer);
  }

  #fail(message: string): void {
    this.#output.failed(new DrainFailedError(message));
    this.#onReady();
    this.#onEnded();
  }
}
