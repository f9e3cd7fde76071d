/** The socket_trace receiver: ring -> drain thread -> events -> trace engine -> spans. */
import { ClockOffset } from "../../bpf/clock.ts";
import { BpfError } from "../../bpf/error.ts";
import { type LossCounter, readLossCounters } from "../../bpf/loss-reason.ts";
import { BpfMap } from "../../bpf/map.ts";
import { forEachRecord } from "../../bpf/ring-records.ts";
import type { SockspanError } from "../../error.ts";
import type { BrokerConnection } from "../../ipc/connect-to-broker.ts";
import type { Attachment } from "../../ipc/messages.ts";
import type { SocketTraceConfig } from "../../ipc/socket-trace-config.ts";
import type { Log } from "../../log.ts";
import { StageAccount } from "../../mapping/account.ts";
import type { Framing } from "../../mapping/connection/framing.ts";
import type { Verdict } from "../../mapping/connection/verdict.ts";
import type { Resource, Span } from "../../mapping/span.ts";
import type { HostProcesses } from "../host-processes.ts";
import type { HostFacts } from "../process-resource.ts";
import type { ProcessTable } from "../process-table.ts";
import type { Receiver } from "../receiver.ts";
import type { RuntimeTable } from "../runtimes/runtime-table.ts";
import { Calm } from "./calm.ts";
import { Drain, type DrainOutput } from "./drain.ts";
import { DrainFailedError } from "./error.ts";
import { EventDispatcher, type EventTarget } from "./event-dispatcher.ts";
import { LossAccounts } from "./loss-accounts.ts";
import { LossWarning } from "./loss-warning.ts";
import { OwnExchanges } from "./own-exchanges.ts";
import { RecordedEngine } from "./recorded-engine.ts";
import { VerdictWriter } from "./verdict-writer.ts";

const ADVANCE_INTERVAL_NS = 50e6;
const HOUSEKEEPING_INTERVAL_MS = 1000;
const RUNTIME_SCAN_LIMIT_MS = 1500;
/** Of the time to shut down: joining and exporting what was read needs the rest. */
const DRAIN_SHARE = 0.6;
/** What the last spans wait for the names of their processes. */
const LAST_FACTS_LIMIT_MS = 1000;

/** TraceEngine (src/mapping/engine.ts), as the receiver uses it. */
export interface ReceiverEngine extends EventTarget {
  advance(nowNs: number): void;
  /** Of calls before this moment, and after the last one that was told, nothing is known. */
  interrupted(nowNs: number): void;
  flush(): void;
  /** What it keeps open. */
  close?(): Promise<void>;
  readonly accounts: readonly StageAccount[];
}

/** What the engine needs from the receiver; whoever composes the two adds limits and descriptions. */
interface ReceiverEngineInput {
  readonly clockOffsetNs: () => bigint;
  resourceOf(tgid: number): Resource | undefined;
  fallbackResource(tgid: number, comm: string): Resource;
  spans(spans: readonly Span[]): void;
  verdict(socketCookie: number, verdict: Verdict): void;
}

interface SocketTraceReceiverOptions {
  readonly id: string;
  readonly connection: BrokerConnection;
  readonly config: SocketTraceConfig;
  readonly host: HostFacts;
  /** What the file of `record_to` holds is of this run. */
  readonly keepsRecording: boolean;
  /** Is not recorded. */
  readonly selfTestPids?: readonly number[];
  /** The file of `record_to` can't be written any more; spans are made all the same. */
  readonly onRecordingFailed?: (error: SockspanError) => void;
  readonly processes: HostProcesses;
  readonly log: Log;
  /** Everything that happened before this moment has been given to the engine. */
  readonly onDrained?: (timestampNs: number) => void;
  /** Of the protocols that the engine reads. */
  readonly framings: readonly Framing[];
  readonly createEngine: (input: ReceiverEngineInput) => ReceiverEngine;
}

export class SocketTraceReceiver implements Receiver {
  readonly id: string;
  readonly #options: SocketTraceReceiverOptions;
  readonly #clock = new ClockOffset();
  readonly #ownExchanges = new OwnExchanges();
  readonly #processes: ProcessTable;
  readonly #runtimes: RuntimeTable;
  readonly #engine: ReceiverEngine;
  readonly #dispatcher: EventDispatcher;
  readonly #drain: Drain;
  readonly #verdicts: VerdictWriter | undefined;
  readonly #ringAccount = new StageAccount("ring", "event");
  readonly #payloadAccount = new StageAccount("payload", "event");
  readonly #dispatchAccount = new StageAccount("dispatch", "event");
  readonly #losses = new LossAccounts(this.#ringAccount, this.#payloadAccount);
  readonly #lossWarning: LossWarning;
  readonly #lossMap: BpfMap | undefined;
  readonly #calm: Calm;
  #next: (spans: readonly Span[]) => void = () => {};
  #housekeeping: NodeJS.Timeout | undefined;
  #lastAdvanceNs = 0;
  #attachment: Attachment | undefined;

  constructor(options: SocketTraceReceiverOptions) {
    const { client, hello } = options.connection;
    if (hello.capture === undefined) throw new DrainFailedError("the broker captures nothing");
    this.id = options.id;
    this.#options = options;
    this.#processes = options.processes.table;
    this.#runtimes = options.processes.runtimes;
    const maps = new Map(hello.capture.maps.map((descriptor) => [descriptor.name, new BpfMap(descriptor)]));
    this.#lossMap = maps.get("loss_counters");
    // A broker that is gone has said why.
    this.#calm = new Calm((isOn) => void client.request({ type: "give_way", isOn }).catch(() => {}));
    this.#lossWarning = new LossWarning(options.log, () => performance.now());
    this.#verdicts = verdictWriter(maps, client, options.framings);
    const engine = options.createEngine({
      clockOffsetNs: () => this.#clock.valueNs,
      resourceOf: (tgid) => this.#processes.resourceOf(tgid),
      fallbackResource: (tgid, comm) => this.#processes.fallbackResource(tgid, comm),
      spans: (spans) => this.#next(spans),
      verdict: (cookie, verdict) => this.#verdicts?.add(cookie, verdict),
    });
    const { record_to } = options.config;
    this.#engine = record_to === undefined ? engine : this.#recorded(engine, record_to);
    this.#dispatcher = new EventDispatcher({
      target: this.#engine,
      processes: this.#processes,
      runtimes: this.#runtimes,
      ownExchanges: this.#ownExchanges,
      ownTgids: hello.ownTgids,
      includePorts: options.config.include.ports,
      excludePorts: options.config.exclude.ports,
      account: this.#dispatchAccount,
    });
    const pause = hello.capture.maps.find(({ name }) => name === "capture_pause");
    if (pause === undefined) throw new DrainFailedError("the broker gives no capture_pause");
    this.#drain = new Drain(hello.capture.ring, pause, this.#drainOutput());
  }

  #recorded(engine: ReceiverEngine, path: string): ReceiverEngine {
    const { keepsRecording, selfTestPids, log, onRecordingFailed, host } = this.#options;
    return new RecordedEngine(engine, {
      path,
      keepsContent: keepsRecording,
      leavesOut: selfTestPids ?? [],
      onFailure: (error) => {
        log.error(error.message, { code: error.code });
        onRecordingFailed?.(error);
      },
      hostName: host.hostName,
      clockOffsetNs: this.#clock.valueNs,
      resourceOf: (tgid) => this.#processes.resourceOf(tgid),
    });
  }

  #drainOutput(): DrainOutput {
    const { log, onDrained, connection } = this.#options;
    return {
      news: (records, lengthBytes) => this.#dispatcher.news(records, lengthBytes),
      batch: (records, lengthBytes, timestampNs) => this.#batch(records, lengthBytes, timestampNs),
      cut: (records, lengthBytes) => this.#cut(records, lengthBytes),
      idle: (timestampNs) => {
        this.#advance(timestampNs);
        onDrained?.(timestampNs);
      },
      overloaded: () => this.#calm.overloaded(),
      paused: (fromNs, toNs) => this.#paused(fromNs, toNs),
      failed: (error) => log.error(error.message, { code: error.code }),
      // A process that has just started is read in many steps, each of which takes a turn.
      isHurried: () => connection.client.isWaiting,
    };
  }

  get accounts(): readonly StageAccount[] {
    return [this.#ringAccount, this.#payloadAccount, this.#dispatchAccount, ...this.#engine.accounts];
  }

  /** What runs in the kernel, once started. */
  get attachment(): Attachment | undefined {
    return this.#attachment;
  }

  /** Everything that needs code from disk or a privilege is done after this: the worker may become someone else. */
  prepare(): Promise<void> {
    this.#ownExchanges.start();
    return this.#drain.ready();
  }

  async start(next: (spans: readonly Span[]) => void): Promise<void> {
    this.#next = next;
    await this.prepare();
    const { client, hello } = this.#options.connection;
    const running = await client.request({ type: "process_list" });
    for (const tgid of running) if (!hello.ownTgids.includes(tgid)) this.#runtimes.existing(tgid);
    // Where Node keeps its loop is the same in all processes of one build, and we may be of the same.
    this.#runtimes.study(hello.brokerPid);
    // A request that comes first should find its server's unit known; a host with very many processes does not wait.
    await this.#runtimes.settled(RUNTIME_SCAN_LIMIT_MS);
    this.#attachment = await client.request({ type: "attach" });
    this.#housekeeping = setInterval(() => this.#keepHouse(), HOUSEKEEPING_INTERVAL_MS);
  }

  async shutdown(limitMs: number): Promise<void> {
    clearInterval(this.#housekeeping);
    this.#runtimes.stop();
    await this.#drain.stop(limitMs * DRAIN_SHARE);
    await this.#readLosses();
    this.#lossWarning.flush();
    await this.#processes.settled(LAST_FACTS_LIMIT_MS);
    this.#engine.flush();
    await this.#engine.close?.();
    this.#ownExchanges.stop();
  }

  #batch(records: DataView, lengthBytes: number, timestampNs: number | undefined): void {
    this.#losses.received(this.#dispatcher.batch(records, lengthBytes));
    if (timestampNs !== undefined && timestampNs - this.#lastAdvanceNs >= ADVANCE_INTERVAL_NS)
      this.#advance(timestampNs);
    this.#verdicts?.flush();
  }

  #paused(fromNs: number, toNs: number): void {
    this.#calm.caughtUp(performance.now());
    this.#engine.interrupted(toNs);
    this.#options.log.debug("capture was paused to catch up", { milliseconds: Math.round((toNs - fromNs) / 1e6) });
  }

  #cut(records: DataView, lengthBytes: number): void {
    const events = forEachRecord(records, lengthBytes, () => {});
    this.#losses.cut(events);
    this.#lossWarning.lost(events);
  }

  #advance(nowNs: number): void {
    this.#lastAdvanceNs = nowNs;
    this.#engine.advance(nowNs);
    this.#processes.advance(nowNs);
    this.#verdicts?.flush();
  }

  #keepHouse(): void {
    if (this.#clock.refresh()) this.#options.log.info("wall time was stepped, spans follow it from now on");
    void this.#readLosses();
    this.#calm.advance(performance.now());
  }

  async #readLosses(): Promise<void> {
    // Where the kernel closes bpf(2) to the unprivileged, the broker reads; one that is gone has said why.
    const { client } = this.#options.connection;
    const counters = this.#readLossMap() ?? (await client.request({ type: "loss_counters" }).catch(() => []));
    this.#lossWarning.lost(this.#losses.update(counters));
  }

  #readLossMap(): LossCounter[] | undefined {
    const map = this.#lossMap;
    try {
      return map && readLossCounters(map);
    } catch (error) {
      if (error instanceof BpfError) return undefined;
      throw error;
    }
  }
}

/** undefined: the broker gives no map to write verdicts to. */
function verdictWriter(
  maps: ReadonlyMap<string, BpfMap>,
  client: BrokerConnection["client"],
  framings: readonly Framing[],
): VerdictWriter | undefined {
  const [verdicts, generations, known] = ["socket_verdicts", "verdict_generations", "framings"].map((name) =>
    maps.get(name),
  );
  if (verdicts === undefined || generations === undefined || known === undefined) return undefined;
  return new VerdictWriter({ verdicts, generations, framings: known }, client, framings);
}
