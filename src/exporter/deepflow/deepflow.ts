/** The exporter `deepflow`: stands before an ingester as an agent of DeepFlow does. */
import { hostname } from "node:os";
import type { StageAccount } from "../../mapping/account.ts";
import { type Span, SpanKind } from "../../mapping/span.ts";
import { FrameEncoder } from "../../mapping/trident/frame.ts";
import { ioEventOfSpan } from "../../mapping/trident/io-event-of-span.ts";
import { encodeIoEventRow, type IoEventRow } from "../../mapping/trident/io-event-row.ts";
import { MessageType } from "../../mapping/trident/message-type.ts";
import { encodeProfileRow, type ProfileRow } from "../../mapping/trident/profile-row.ts";
import { SecondBudget } from "../../mapping/trident/second-budget.ts";
import { protocolOfSpan } from "../../mapping/trident/span-to-row.ts";
import { encodeStatsRow } from "../../mapping/trident/stats-row.ts";
import { type AgentDirectives, agentLink, UNKNOWN_DIRECTIVES } from "../../trident/agent-link.ts";
import { prepareCompression } from "../../trident/compression.ts";
import type { ExporterDeps, ExporterState, TraceExporter } from "../exporter.ts";
import { QueuedExporter } from "../queued-exporter.ts";
import { spanListFormat } from "../span-list-format.ts";
import { TcpConnection, UdpConnection } from "./connection.ts";
import { FrameSender } from "./frame-sender.ts";
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
  readonly #deps: Pick<ExporterDeps, "log" | "now">;
  readonly #queued: QueuedExporter<readonly Span[]>;
  readonly #sender: FrameSender;
  readonly #rows = new SecondBudget();
  readonly #abort = new AbortController();
  #statsTimer: NodeJS.Timeout | undefined;
  #cpuUs = 0;

  constructor(id: string, settings: DeepflowSettings, deps: Pick<ExporterDeps, "log" | "now">) {
    this.id = id;
    this.#settings = settings;
    this.#deps = deps;
    this.#sender = new FrameSender({
      connection: settings.protocol === "tcp" ? new TcpConnection(settings.timeout) : new UdpConnection(),
      directives: () => this.#directives(),
      encoder: ENCODERS[settings.compression],
      now: deps.now,
      connections: settings.agent === undefined ? undefined : agentLink(settings.agent).connections,
    });
    this.#queued = new QueuedExporter({
      id,
      format: spanListFormat,
      sender: this.#sender,
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
    const directives = this.#directives();
    const exchanges = spans.filter((span) => span.kind !== SpanKind.internal);
    const ioEvents = exchanges.length < spans.length ? spans.flatMap((span) => ioEventOfSpan(span) ?? []) : [];
    this.#count("consumed", "internal_span", spans.length - exchanges.length - ioEvents.length);
    void this.#sendIoEvents(ioEvents);
    if (!directives.isEnabled && directives.agentId !== 0) {
      this.#count("consumed", "agent_disabled", exchanges.length);
      return;
    }
    const wanted = this.#wanted(exchanges, directives);
    const passed = this.#rows.take(wanted.length, directives.maxRowsPerSecond, this.#deps.now());
    if (passed < wanted.length) this.#count("lost", "throttled", wanted.length - passed);
    this.#queued.consume(passed === wanted.length ? wanted : wanted.slice(0, passed));
  }

  /** Not queued: what an ingester does not take at once is gone. Returns how many it took. */
  async consumeProfiles(rows: readonly ProfileRow[]): Promise<number> {
    return this.#sendAtOnce(MessageType.profile, rows.map(encodeProfileRow));
  }

  async consumeIoEvents(rows: readonly IoEventRow[]): Promise<number> {
    return this.#sendAtOnce(MessageType.procEvent, rows.map(encodeIoEventRow));
  }

  async #sendIoEvents(rows: readonly IoEventRow[]): Promise<void> {
    if (rows.length === 0) return;
    this.account.addIn(rows.length);
    const taken = await this.consumeIoEvents(rows);
    if (taken > 0) this.account.addOut(taken);
    if (taken < rows.length) this.account.addLost("io_event_not_sent", rows.length - taken);
  }

  async shutdown(deadlineMs: number): Promise<void> {
    clearInterval(this.#statsTimer);
    await this.#queued.shutdown(deadlineMs);
    this.#abort.abort();
  }

  #directives(): AgentDirectives {
    const { agent, endpoint } = this.#settings;
    const fixed = endpoint === undefined ? undefined : parseIngesterAddress(endpoint);
    if (agent !== undefined) {
      const { directives } = agentLink(agent);
      return fixed === undefined ? directives : { ...directives, ingester: fixed };
    }
    return {
      ...UNKNOWN_DIRECTIVES,
      isEnabled: true,
      agentId: this.#settings.agent_id,
      teamId: this.#settings.team_id,
      organizationId: this.#settings.organization_id,
      vpcId: this.#settings.vpc_id,
      ingester: fixed,
      maxRowsPerSecond: this.#settings.max_rows_per_second,
      maxBytesPerSecond: 0,
    };
  }

  /** Without those whose protocol or port the controller has switched off. */
  #wanted(spans: readonly Span[], { protocols, isPortWanted }: AgentDirectives): readonly Span[] {
    if (protocols === undefined && isPortWanted === UNKNOWN_DIRECTIVES.isPortWanted) return spans;
    const wanted = spans.filter((span) => {
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

  async #sendAtOnce(type: number, records: readonly Uint8Array[]): Promise<number> {
    if (records.length === 0 || !this.#directives().isEnabled) return 0;
    const outcome = await this.#sender.sendRecords(type, records, this.#abort.signal);
    return outcome.kind === "sent" ? records.length - outcome.rejectedItems : 0;
  }

  async #sendStats(): Promise<void> {
    const { user, system } = process.cpuUsage();
    const cpuPercent = (user + system - this.#cpuUs) / (this.#settings.stats_interval * 10);
    this.#cpuUs = user + system;
    const { organizationId, teamId } = this.#directives();
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

export async function createDeepflowExporter(
  id: string,
  settings: DeepflowSettings,
  deps: ExporterDeps,
): Promise<TraceExporter> {
  // It reads a file, which this process may do now and perhaps not later.
  await prepareCompression();
  return new DeepflowExporter(id, settings, deps);
}
