/** The receiver `trident`: stands where DeepFlow's controller and ingester stand, and gives spans. */
import { performance } from "node:perf_hooks";
import type { Log } from "../../log.ts";
import type { StageAccount } from "../../mapping/account.ts";
import type { Profile } from "../../mapping/profile.ts";
import type { Span } from "../../mapping/span.ts";
import { prepareCompression } from "../../trident/compression.ts";
import type { UnprivilegedUser } from "../../trident/private-folder.ts";
import { endsWithin } from "../ends-within.ts";
import { Controller } from "./controller/controller.ts";
import { TridentListenError } from "./error.ts";
import { FrameHandler } from "./frame-handler.ts";
import { Ingester } from "./ingester.ts";
import { splitAddress, type TridentReceiverSettings } from "./settings.ts";

const ADVANCE_INTERVAL_MS = 100;
/** Of the time to shut down: nobody waits for it any more when that is over. */
const CLOSING_SHARE = 0.9;

export class TridentReceiver {
  readonly id: string;
  readonly #settings: TridentReceiverSettings;
  readonly #log: Log;
  readonly #user: UnprivilegedUser | undefined;
  readonly #controller: Controller | undefined;
  #next: (spans: readonly Span[]) => void = () => undefined;
  #nextProfiles: (profiles: readonly Profile[]) => void = () => undefined;
  readonly #ingester: Ingester | undefined;
  readonly #handler: FrameHandler | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(id: string, settings: TridentReceiverSettings, log: Log, user?: UnprivilegedUser) {
    this.id = id;
    this.#settings = settings;
    this.#log = log;
    this.#user = user;
    const { controller, ingester } = settings;
    this.#controller =
      controller === undefined
        ? undefined
        : new Controller(controller, ingester?.endpoint, log, () => performance.now());
    if (ingester === undefined) return;
    this.#handler = new FrameHandler({
      settleNs: ingester.settle * 1e6,
      maxRows: ingester.max_rows,
      maxUnfoldedBytes: ingester.max_unfolded_size,
      maxRowsPerSecondPerAgent: ingester.max_rows_per_second_per_agent,
      hostOf: (agentKey) => this.#controller?.core.registry.findById(agentKey & 0xffff)?.host,
      now: () => performance.now() * 1e6,
      spans: (spans) => this.#next(spans),
      profiles: (profiles) => this.#nextProfiles(profiles),
    });
    this.#ingester = new Ingester({
      ...splitAddress(ingester.endpoint),
      maxFrameBytes: ingester.max_frame_size,
      maxConnections: ingester.max_connections,
      stallMs: ingester.stall_timeout,
      idleMs: ingester.idle_timeout,
      handler: this.#handler,
    });
  }

  get accounts(): readonly StageAccount[] {
    return [
      ...(this.#controller === undefined ? [] : [this.#controller.core.account]),
      ...(this.#ingester === undefined ? [] : [this.#ingester.connections]),
      ...(this.#handler?.accounts ?? []),
    ];
  }

  /** Where it listens now, for the ready line. */
  get addresses(): readonly string[] {
    const { controller, ingester } = this.#settings;
    return [
      ...(controller === undefined ? [] : [`${splitAddress(controller.endpoint).host}:${this.#controller?.port}`]),
      ...(ingester === undefined ? [] : [`${splitAddress(ingester.endpoint).host}:${this.#ingester?.port}`]),
    ];
  }

  /** What needs a privilege: keys, the upgrade package, the folder for agent ids, and code from disk. */
  async prepare(): Promise<void> {
    await prepareCompression();
    this.#controller?.prepare(this.#user);
  }

  async start(
    next: (spans: readonly Span[]) => void,
    nextProfiles: (profiles: readonly Profile[]) => void,
  ): Promise<void> {
    this.#next = next;
    this.#nextProfiles = nextProfiles;
    try {
      await this.#ingester?.start();
    } catch (error) {
      throw new TridentListenError("ingester.endpoint", this.#settings.ingester?.endpoint ?? "", error);
    }
    await this.#controller?.start();
    this.#timer = setInterval(() => this.#handler?.joiner.advance(performance.now() * 1e6), ADVANCE_INTERVAL_MS);
    this.#timer.unref();
  }

  async shutdown(limitMs: number): Promise<void> {
    clearInterval(this.#timer);
    // It takes no frame from here on, so that what is held can leave at once, however long its sockets take to close.
    const closing = Promise.all([this.#ingester?.shutdown(), this.#controller?.shutdown()]);
    this.#handler?.joiner.flush();
    if (await endsWithin(closing, limitMs * CLOSING_SHARE)) await closing;
    else this.#log.warn("the trident receiver's listeners did not close in time");
  }
}
