/** The profile receiver: the profiler's thread -> samples -> links to spans -> names -> a profile of each process. */
import { setTimeout as sleep } from "node:timers/promises";
import { ClockOffset } from "../../bpf/clock.ts";
import type { BrokerConnection } from "../../ipc/connect-to-broker.ts";
import type { ProfileAttachment } from "../../ipc/messages.ts";
import { isSelected, type ProcessSelection } from "../../ipc/process-selection.ts";
import type { ProfileConfig } from "../../ipc/profile-config.ts";
import type { Log } from "../../log.ts";
import type { StageAccount } from "../../mapping/account.ts";
import type { Profile } from "../../mapping/profile.ts";
import { buildProfiles } from "../../mapping/profiles/build-profiles.ts";
import { withoutProbe } from "../../mapping/profiles/probe-frames.ts";
import type { StackSample } from "../../mapping/profiles/stack-sample.ts";
import type { SymbolizedSample } from "../../mapping/profiles/symbolized-sample.ts";
import { withWakerFrames } from "../../mapping/profiles/waker-frames.ts";
import type { Span } from "../../mapping/span.ts";
import { endsWithin } from "../ends-within.ts";
import type { HostProcesses } from "../host-processes.ts";
import type { Receiver } from "../receiver.ts";
import type { Symbolizer } from "../symbols/symbolizer.ts";
import { SampleUnpacker } from "./pack-samples.ts";
import type { ProcessChange, ProfileBatch, UnwindCounters } from "./profile-message.ts";
import { type ProfilerThread, ProfileThread } from "./profile-thread-client.ts";
import { SampleAccounts } from "./sample-accounts.ts";
import { noLinks, type SampleLinker } from "./sample-linker.ts";

const NS_PER_MS = 1e6;
const LOOK_INTERVAL_MS = 1000;
/** So long a sample waits for the socket events before it to be read, and for its facts. */
const LINK_DELAY_NS = 1e9;
/** And so long for the symbols of its process, which are read when its first sample comes. */
const NAME_DELAY_NS = 4e9;
/** On a busy host big tables take longer: what has no names for that is asked for again, for so long. */
const LATE_LIMIT_NS = 20e9;
/** Programs that run already are described before the first sample, for so long at most, when they were asked for by name. */
const DESCRIBE_LIMIT_MS = 20_000;
/** Else those are that use the CPU now: samples are taken and thrown away until their programs are described. */
const WARM_UP_MS = { least: 300, most: 3000, step: 50 } as const;
/** Of the time to shut down: nobody waits for it any more when that is over. */
const SHUTDOWN_SHARE = 0.9;
/** Of that, what the thread gets: naming what it gives needs the rest. */
const THREAD_SHARE = 0.4;
const NO_STACK = new BigUint64Array(0);
const NOTHING: ProcessSelection = { executables: [], pids: [], containers: [] };

interface ProfileReceiverOptions {
  readonly id: string;
  readonly connection: BrokerConnection;
  readonly config: ProfileConfig;
  readonly log: Log;
  readonly processes: HostProcesses;
  /** No other receiver tells the tables of processes what starts and ends. */
  readonly feedsProcesses: boolean;
  readonly symbolizer: Symbolizer;
  readonly linker?: SampleLinker;
  /** Tests give a thread of their own. */
  readonly openThread?: (...options: ConstructorParameters<typeof ProfileThread>) => ProfilerThread;
}

export class ProfileReceiver implements Receiver {
  readonly id: string;
  readonly #options: ProfileReceiverOptions;
  readonly #clock = new ClockOffset();
  readonly #thread: ProfilerThread;
  readonly #sampleAccounts = new SampleAccounts();
  readonly #unpacker = new SampleUnpacker();
  readonly #linker: SampleLinker;
  #next: (profiles: readonly Profile[]) => void = () => {};
  #attachment: ProfileAttachment | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** In the order of their time, nearly. */
  #waiting: StackSample[] = [];
  #linked: StackSample[] = [];
  #named: SymbolizedSample[] = [];
  #periodStartNs = 0;
  #drainedNs = 0;
  #lastTgid = 0;
  #isNaming = false;
  #isWarmingUp = false;
  /** What is named from now on has been counted as lost. */
  #isOver = false;
  #counters: UnwindCounters | undefined;

  constructor(options: ProfileReceiverOptions) {
    const { hello } = options.connection;
    const channelFd = hello.threadChannels[0];
    this.id = options.id;
    this.#options = options;
    this.#linker = options.linker ?? noLinks();
    const openThread = options.openThread ?? ((...given) => new ProfileThread(...given));
    this.#thread = openThread(
      {
        capture: hello.profiler,
        channelFd,
        rowLimit: options.config.unwind_rows,
        ownTgids: hello.ownTgids,
        onlyTgids: options.config.include.pids,
      },
      {
        batch: (batch) => this.#batch(batch),
        failed: (error) => options.log.error(error.message, { code: error.code }),
      },
    );
  }

  get accounts(): readonly StageAccount[] {
    return [...this.#sampleAccounts.all, this.#linker.account, this.#options.symbolizer.account];
  }

  /** What runs in the kernel, once started. */
  get profileAttachment(): ProfileAttachment | undefined {
    return this.#attachment;
  }

  async prepare(): Promise<void> {
    await Promise.all([this.#thread.ready(), this.#options.symbolizer.ready()]);
  }

  async start(
    _next: (spans: readonly Span[]) => void,
    nextProfiles: (profiles: readonly Profile[]) => void,
  ): Promise<void> {
    this.#next = nextProfiles;
    await this.prepare();
    const { client } = this.#options.connection;
    const { pids } = this.#options.config.include;
    for (const tgid of pids) this.#options.processes.runtimes.seen(tgid);
    if (pids.length > 0) await this.#thread.describe(await this.#running(), DESCRIBE_LIMIT_MS);
    this.#isWarmingUp = pids.length === 0;
    this.#attachment = await client.request({ type: "attach_profiler" });
    if (this.#isWarmingUp) await this.#warmUp();
    this.#periodStartNs = Number(process.hrtime.bigint());
    this.#options.log.debug("sampling", { clock: this.#attachment.clock, cpus: this.#attachment.cpus });
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS);
  }

  async shutdown(limitMs: number): Promise<void> {
    const endMs = performance.now() + limitMs * SHUTDOWN_SHARE;
    const restMs = () => Math.max(0, endMs - performance.now());
    clearInterval(this.#timer);
    this.#sampleAccounts.unnamed(await this.#thread.stop(restMs() * THREAD_SHARE));
    const { ends, ...counters } = this.#counters ?? { ends: {} };
    this.#options.log.debug("unwound", { ...counters, ...ends });
    this.#link(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    await Promise.all([endsWithin(this.#readLosses(), restMs()), endsWithin(this.#nameAll(), restMs())]);
    this.#leave(Number(process.hrtime.bigint()));
    this.#isOver = true;
    const samples = this.#sampleAccounts.cut();
    if (samples > 0) this.#options.log.warn("samples were lost: no time was left to name them", { samples });
    const { out, consumed } = this.#linker.account;
    this.#options.log.debug("linked", { linked: out, ...Object.fromEntries(consumed) });
    await endsWithin(this.#options.symbolizer.stop(), restMs());
  }

  async #nameAll(): Promise<void> {
    while (this.#isNaming && !this.#isOver) await sleep(10);
    await this.#name(Number.POSITIVE_INFINITY);
  }

  /** Those of the processes named in the configuration that are there. */
  async #running(): Promise<readonly number[]> {
    const { connection, config } = this.#options;
    const { client, hello } = connection;
    const running = await client.request({ type: "process_list" });
    return running.filter((tgid) => config.include.pids.includes(tgid) && !hello.ownTgids.includes(tgid));
  }

  /** As long as programs are being described that were sampled. */
  async #warmUp(): Promise<void> {
    for (let waitedMs = 0; waitedMs < WARM_UP_MS.most; waitedMs += WARM_UP_MS.step) {
      await sleep(WARM_UP_MS.step);
      const isDone = this.#counters !== undefined && this.#counters.processesPending === 0;
      if (isDone && waitedMs >= WARM_UP_MS.least) break;
    }
    this.#isWarmingUp = false;
  }

  #batch(batch: ProfileBatch): void {
    this.#drainedNs = batch.timestampNs;
    this.#counters = batch.counters;
    for (const change of batch.changes) this.#change(change);
    if (this.#isWarmingUp) {
      this.#sampleAccounts.warmUp(batch);
      return;
    }
    this.#sampleAccounts.batch(batch);
    for (const sample of this.#unpacker.unpack(batch.samples)) {
      this.#waiting.push(sample);
      this.#seen(sample);
      if (sample.waker?.sample !== undefined) this.#seen(sample.waker.sample);
    }
  }

  #seen({ tgid, comm }: StackSample): void {
    if (tgid === this.#lastTgid || tgid === 0) return;
    const { processes, symbolizer, feedsProcesses } = this.#options;
    this.#lastTgid = tgid;
    processes.table.seen(tgid, () => comm);
    symbolizer.seen(tgid);
    if (feedsProcesses) processes.runtimes.seen(tgid);
  }

  #change(change: ProcessChange): void {
    const { processes, symbolizer, feedsProcesses, connection } = this.#options;
    const { table, runtimes } = processes;
    this.#lastTgid = 0;
    if (change.kind === "described") {
      table.described(change.tgid, change.attributes);
      return;
    }
    const isOwn = connection.hello.ownTgids.includes(change.tgid);
    if (change.kind === "forked") symbolizer.forked(change.tgid, change.parentTgid);
    else if (change.kind === "executed") symbolizer.executed(change.tgid);
    else symbolizer.exited(change.tgid);
    if (!feedsProcesses) return;
    if (change.kind === "forked") table.forked(change.tgid, change.parentTgid, change.startTimeNs, change.comm);
    else if (change.kind === "executed") table.executed(change.tgid, change.startTimeNs, change.comm, change.exec);
    else table.exited(change.tgid, change.timestampNs);
    if (change.kind === "exited") runtimes.exited(change.tgid);
    else if (!isOwn) runtimes.started({ tgid: change.tgid });
  }

  #look(): void {
    this.#clock.refresh();
    if (this.#options.feedsProcesses) this.#options.processes.table.advance(this.#drainedNs);
    void this.#readLosses();
    this.#link(this.#drainedNs - LINK_DELAY_NS, this.#drainedNs);
    const namedUntilNs = this.#drainedNs - NAME_DELAY_NS;
    void this.#name(namedUntilNs).then(() => {
      if (namedUntilNs - this.#periodStartNs >= this.#options.config.period * NS_PER_MS) this.#leave(namedUntilNs);
    });
  }

  /** What was sampled before, as far as it is known by now what it was for. */
  #link(untilNs: number, nowNs: number): void {
    const rest: StackSample[] = [];
    for (const sample of this.#waiting) {
      const linked = sample.timestampNs >= untilNs ? undefined : this.#linker.link(sample, nowNs);
      if (linked === undefined) rest.push(sample);
      else if (this.#isWanted(linked.tgid)) this.#linked.push(linked);
      else this.#sampleAccounts.filtered();
    }
    this.#waiting = rest;
  }

  /** A moment later, when the symbols of a process that was new are there. */
  async #name(untilNs: number): Promise<void> {
    if (this.#isNaming) return;
    this.#isNaming = true;
    try {
      const ripe = this.#linked.filter(({ timestampNs }) => timestampNs < untilNs);
      if (ripe.length === 0) return;
      this.#linked = this.#linked.filter(({ timestampNs }) => timestampNs >= untilNs);
      // Addresses are named now, and there may be very many.
      const wakers = ripe.map(({ waker }) => this.#wakerOf(waker));
      const samples = [...ripe, ...wakers.filter((waker) => waker !== undefined)];
      const named = await this.#options.symbolizer.symbolize(samples);
      let next = ripe.length;
      ripe.forEach((whole, index) => {
        const { stack, isLate } = named[index]!;
        const waking = wakers[index] === undefined ? undefined : named[next++];
        if (isLate && untilNs - whole.timestampNs < LATE_LIMIT_NS) {
          this.#linked.push(whole);
          return;
        }
        const own = whole.kind === "off_cpu" ? withoutProbe(stack) : stack;
        const waker = whole.waker && { ...whole.waker, sample: undefined };
        this.#named.push({
          // No rest of a pattern: V8 makes a hash table of one.
          sample: { ...whole, kernelStack: NO_STACK, userStack: NO_STACK, waker },
          stack: waking === undefined ? own : withWakerFrames(own, withoutProbe(waking.stack), waking.sample.comm),
        });
      });
    } finally {
      this.#isNaming = false;
    }
  }

  /** Of a waker that is not excluded: it need not be of those that are looked at. */
  #wakerOf(waker: StackSample["waker"]): StackSample | undefined {
    return waker !== undefined && this.#passes(waker.tgid, NOTHING) ? waker.sample : undefined;
  }

  /** BPF leaves out what is known to be excluded; until then, and for who is gone too soon, this does. */
  #isWanted(tgid: number): boolean {
    return this.#passes(tgid, this.#options.config.include);
  }

  #passes(tgid: number, include: ProcessSelection): boolean {
    const facts = this.#options.processes.table.factsOf(tgid);
    const { exclude } = this.#options.config;
    return isSelected(facts ?? { tgid, executablePath: undefined, cgroupPath: undefined }, include, exclude);
  }

  #leave(endNs: number): void {
    if (this.#isOver) return;
    const named = this.#named;
    this.#named = [];
    const startNs = this.#periodStartNs;
    this.#periodStartNs = endNs;
    if (named.length === 0) return;
    const { table } = this.#options.processes;
    const profiles = buildProfiles(named, {
      startNs,
      endNs,
      clockOffsetNs: this.#clock.valueNs,
      periodNano: Math.round(1e9 / this.#options.config.sampling_frequency),
      resourceOf: (tgid, comm) => table.resourceOf(tgid) ?? table.fallbackResource(tgid, comm),
    });
    this.#sampleAccounts.left(named.length);
    this.#next(profiles);
  }

  async #readLosses(): Promise<void> {
    try {
      this.#sampleAccounts.losses(await this.#options.connection.client.request({ type: "profile_loss_counters" }));
    } catch {
      // The broker is busy or gone: the counters only grow, the next look has them.
    }
  }
}
