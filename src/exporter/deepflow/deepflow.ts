/** The exporter `deepflow`: stands before an ingester as an agent of DeepFlow does. */
import { hostname } from "node:os";
import type { StageAccount } from "../../mapping/account.ts";
import type { Profile } from "../../mapping/profile.ts";
import { type Span, SpanKind } from "../../mapping/span.ts";
import { protocolOfSpan } from "../../mapping/trident/rows/span-to-row.ts";
import { encodeStatsRow } from "../../mapping/trident/rows/stats-row.ts";
import { SecondBudget } from "../../mapping/trident/second-budget.ts";
import { FrameEncoder } from "../../mapping/trident/wire/frame.ts";
import { MessageType } from "../../mapping/trident/wire/message-type.ts";
import { type AgentDirectives, agentLink, UNKNOWN_DIRECTIVES } from "../../trident/agent-link.ts";
import { prepareCompression } from "../../trident/compression.ts";
import type { ExporterDeps, ExporterState, ProfileExporter, TraceExporter } from "../exporter.ts";
import { profileListFormat, spanListFormat } from "../format/list-format.ts";
import { QueuedExporter } from "../queue/queued-exporter.ts";
import { TcpConnection, UdpConnection } from "./connection.ts";
import { FrameSender } from "./frame-sender.ts";
import { ProfileRowSender, SpanRowSender } from "./row-senders.ts";
import { type DeepflowSettings, parseIngesterAddress } from "./settings.ts";

const ENCODERS = {
  zstd: FrameEncoder.zstd,
  zlib: FrameEncoder.zlib,
  gzip: FrameEncoder.gzip,
  none: FrameEncoder.raw,
} as const;

export class DeepflowExporter implements TraceExporter {
  readonly id: string;
  readonly #settings: DeepflowSettings;
  readonly #deps: Pick<ExporterDeps, "log" | "now" | "storage">;
  readonly #queued: QueuedExporter<readonly Span[]>;
  readonly #sender: FrameSender;
  readonly #rows = new SecondBudget();
  readonly #abort = new AbortController();
  #statsTimer: NodeJS.Timeout | undefined;
  #cpuUs = 0;

  constructor(id: string, settings: DeepflowSettings, deps: Pick<ExporterDeps, "log" | "now" | "storage">) {
    this.id = id;
    this.#settings = settings;
    this.#deps = deps;
    this.#sender = frameSenderOf(settings, deps.now);
    this.#queued = new QueuedExporter({
      id,
      format: spanListFormat,
      sender: new SpanRowSender(
        this.#sender,
        settings.agent === undefined ? undefined : agentLink(settings.agent).connections,
      ),
      queue: settings.sending_queue,
      retry: settings.retry_on_failure,
      deps,
    });
  }

  get account(): StageAccount {
    return this.#queued.account;
  }

  get state(): ExporterState {
    return this.#queued.state;
  }

  async start(): Promise<void> {
    await this.#queued.start();
    if (this.#settings.stats_interval > 0) {
      this.#statsTimer = setInterval(() => void this.#sendStats(), this.#settings.stats_interval);
      this.#statsTimer.unref();
    }
  }

  consume(spans: readonly Span[]): void {
    const directives = this.#sender.directives;
    const exchanges = spans.filter((span) => span.kind !== SpanKind.internal || isIoSpan(span));
    if (exchanges.length < spans.length) this.#count("consumed", "internal_span", spans.length - exchanges.length);
    if (!directives.isEnabled && directives.agentId !== 0) {
      this.#count("consumed", "agent_disabled", exchanges.length);
      return;
    }
    const wanted = this.#wanted(exchanges, directives);
    const passed = this.#rows.take(wanted.length, directives.maxRowsPerSecond, this.#deps.now());
    if (passed < wanted.length) this.#count("lost", "throttled", wanted.length - passed);
    this.#queued.consume(passed === wanted.length ? wanted : wanted.slice(0, passed));
  }

  async shutdown(deadlineMs: number): Promise<void> {
    clearInterval(this.#statsTimer);
    await this.#queued.shutdown(deadlineMs);
    this.#abort.abort();
  }

  /** Without those whose protocol or port the controller has switched off. */
  #wanted(spans: readonly Span[], { protocols, isPortWanted }: AgentDirectives): readonly Span[] {
    if (protocols === undefined && isPortWanted === UNKNOWN_DIRECTIVES.isPortWanted) return spans;
    const wanted = spans.filter((span) => {
      if (span.kind === SpanKind.internal) return true;
      const { protocol, port } = protocolOfSpan(span);
      return (protocols === undefined || protocols.has(protocol)) && isPortWanted(protocol, port);
    });
    this.#count("consumed", "switched_off", spans.length - wanted.length);
    return wanted;
  }

  #count(what: "consumed" | "lost", reason: string, count: number): void {
    if (count === 0) return;
    this.account.addIn(count);
    if (what === "lost") this.account.addLost(reason, count);
    else this.account.addConsumed(reason, count);
  }

  /** Not queued: what an ingester does not take at once is gone. */
  async #sendAtOnce(type: number, records: readonly Uint8Array[]): Promise<number> {
    if (records.length === 0 || !this.#sender.directives.isEnabled) return 0;
    const outcome = await this.#sender.sendRecords(type, records, this.#abort.signal);
    return outcome.kind === "sent" ? records.length - outcome.rejectedItems : 0;
  }

  async #sendStats(): Promise<void> {
    const { user, system } = process.cpuUsage();
    const cpuPercent = (user + system - this.#cpuUs) / (this.#settings.stats_interval * 10);
    this.#cpuUs = user + system;
    const { organizationId, teamId } = this.#sender.directives;
    const common = {
      timestampS: Math.floor(Date.now() / 1000),
      tags: new Map([["host", hostname()]]),
      organizationId,
      teamId,
    };
    const { account } = this;
    const lost = [...account.lost.values()].reduce((sum, count) => sum + count, 0);
    const rows = [
      // The name under which a DeepFlow server shows how an agent fares.
      {
        ...common,
        name: "deepflow_agent_monitor",
        metrics: new Map([
          ["cpu_percent", cpuPercent],
          ["memory", process.memoryUsage.rss()],
        ]),
      },
      {
        ...common,
        name: "sockspan_exporter",
        metrics: new Map([
          ["in", account.in],
          ["out", account.out],
          ["lost", lost],
          ["held", account.held],
          ["tx_bytes", this.#sender.sentBytes],
        ]),
      },
    ];
    await this.#sendAtOnce(MessageType.dfstats, rows.map(encodeStatsRow));
  }
}

/** Profiles as folded stacks; the controller's directives hold for them too. */
export class DeepflowProfileExporter implements ProfileExporter {
  readonly id: string;
  readonly #sender: FrameSender;
  readonly #queued: QueuedExporter<readonly Profile[], Profile>;

  constructor(id: string, settings: DeepflowSettings, deps: Pick<ExporterDeps, "log" | "now" | "storage">) {
    this.id = id;
    this.#sender = frameSenderOf(settings, deps.now);
    this.#queued = new QueuedExporter<readonly Profile[], Profile>({
      id,
      unit: "profiles",
      format: profileListFormat,
      sender: new ProfileRowSender(this.#sender),
      queue: settings.sending_queue,
      retry: settings.retry_on_failure,
      deps,
    });
  }

  get account(): StageAccount {
    return this.#queued.account;
  }

  get state(): ExporterState {
    return this.#queued.state;
  }

  start(): Promise<void> {
    return this.#queued.start();
  }

  consume(profiles: readonly Profile[]): void {
    const { isEnabled, areProfilesEnabled, agentId } = this.#sender.directives;
    const isOff = !isEnabled && agentId !== 0;
    if (!isOff && areProfilesEnabled) {
      this.#queued.consume(profiles);
      return;
    }
    this.account.addIn(profiles.length);
    this.account.addConsumed(isOff ? "agent_disabled" : "switched_off", profiles.length);
  }

  shutdown(deadlineMs: number): Promise<void> {
    return this.#queued.shutdown(deadlineMs);
  }
}

function frameSenderOf(settings: DeepflowSettings, now: () => number): FrameSender {
  return new FrameSender({
    connection: settings.protocol === "tcp" ? new TcpConnection(settings.timeout) : new UdpConnection(),
    directives: () => directivesOf(settings),
    encoder: ENCODERS[settings.compression],
    now,
  });
}

function directivesOf({ agent, endpoint, ...settings }: DeepflowSettings): AgentDirectives {
  const fixed = endpoint === undefined ? undefined : parseIngesterAddress(endpoint);
  if (agent !== undefined) {
    const { directives } = agentLink(agent);
    return fixed === undefined ? directives : { ...directives, ingester: fixed };
  }
  return {
    ...UNKNOWN_DIRECTIVES,
    isEnabled: true,
    agentId: settings.agent_id,
    teamId: settings.team_id,
    organizationId: settings.organization_id,
    vpcId: settings.vpc_id,
    ingester: fixed,
    maxRowsPerSecond: settings.max_rows_per_second,
    maxBytesPerSecond: 0,
  };
}

/** A read or write of a file, which an ingester knows as an event. */
function isIoSpan({ attributes }: Span): boolean {
  return attributes.some(([key]) => key === "sockspan.io.operation");
}

export async function createDeepflowExporter(
  id: string,
  settings: DeepflowSettings,
  deps: ExporterDeps,
): Promise<TraceExporter> {
  // It reads a file, which this process may do now and perhaps not later.
  await prepareCompression();
  return new DeepflowExporter(id, settings, deps);
}

export async function createDeepflowProfileExporter(
  id: string,
  settings: DeepflowSettings,
  deps: ExporterDeps,
): Promise<ProfileExporter> {
  await prepareCompression();
  return new DeepflowProfileExporter(id, settings, deps);
}
