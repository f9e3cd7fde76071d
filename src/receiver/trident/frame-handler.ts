/** What the frames hold, by type: l7 rows and OpenTelemetry payloads become spans, the rest is counted by its name. */
import { inflateSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { StageAccount } from "../../mapping/account.ts";
import type { Profile } from "../../mapping/profile.ts";
import type { Span } from "../../mapping/span.ts";
import { decodeTracesData } from "../../mapping/trident/otlp-decode.ts";
import type { L7Row } from "../../mapping/trident/rows/l7-row.ts";
import { decodeL7Row } from "../../mapping/trident/rows/l7-row-decode.ts";
import { OWN_ROW_ATTRIBUTE, unpackSpan } from "../../mapping/trident/rows/own-row.ts";
import { profilesOf } from "../../mapping/trident/rows/profile-rows.ts";
import { RowJoiner } from "../../mapping/trident/rows/row-joiner.ts";
import { SecondBudget } from "../../mapping/trident/second-budget.ts";
import { FrameEncoder, type FrameHeader } from "../../mapping/trident/wire/frame.ts";
import { MessageType, messageTypeName } from "../../mapping/trident/wire/message-type.ts";
import { eachRecord } from "../../mapping/trident/wire/records.ts";
import { decompressBody } from "../../trident/compression.ts";
import { type Profile as ProfileMessage, ProfileSchema } from "../../trident/proto/metric.gen.ts";
import { ResourceTable } from "./resources.ts";

interface FrameHandlerOptions {
  readonly settleNs: number;
  readonly maxRows: number;
  readonly maxUnfoldedBytes: number;
  /** 0: no limit. */
  readonly maxRowsPerSecondPerAgent: number;
  readonly hostOf: (agentKey: number) => string | undefined;
  /** Nanoseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly spans: (spans: readonly Span[]) => void;
  readonly profiles: (profiles: readonly Profile[]) => void;
}

const MAX_BUDGETS = 65_536;

export class FrameHandler {
  readonly frames = new StageAccount("trident_ingest", "frame");
  readonly records = new StageAccount("trident_ingest", "record");
  readonly joiner: RowJoiner;
  readonly #options: FrameHandlerOptions;
  readonly #resources: ResourceTable;
  readonly #budgets = new Map<number, SecondBudget>();

  constructor(options: FrameHandlerOptions) {
    this.#options = options;
    this.#resources = new ResourceTable(options.hostOf);
    const resourceOf = this.#resources.of.bind(this.#resources);
    this.joiner = new RowJoiner({ settleNs: options.settleNs, maxRows: options.maxRows, resourceOf }, options.spans);
  }

  get accounts(): readonly StageAccount[] {
    return [this.frames, this.records, this.joiner.account];
  }

  /** @param body valid only during the call */
  handle(header: FrameHeader, body: Uint8Array): void {
    this.frames.addIn();
    const unfolded = decompressBody(header.encoder, body, this.#options.maxUnfoldedBytes);
    if (unfolded === undefined) {
      this.frames.addLost("body_unreadable");
      return;
    }
    // Views live on in rows until they are encoded into attributes; the reader's buffer does not.
    const isWhole = this.#byType(header, unfolded === body ? Uint8Array.from(body) : unfolded);
    if (isWhole) this.frames.addOut();
    else this.frames.addLost("body_truncated");
  }

  #byType(header: FrameHeader, body: Uint8Array): boolean {
    const agentKey = header.organizationId * 65_536 + header.agentId;
    switch (header.type) {
      case MessageType.protocolLog:
        return this.#takeRows(body, agentKey);
      case MessageType.openTelemetry:
        return eachRecord(body, (record) => this.#takeTraces(record));
      case MessageType.openTelemetryCompressed:
        return eachRecord(body, (record) => this.#takeTraces(this.#inflate(record)));
      case MessageType.profile:
        return this.#takeProfiles(body, agentKey);
      default: {
        const name = messageTypeName(header.type);
        if (header.type === MessageType.syslog || header.type === MessageType.compress) {
          this.#count(name, 1);
          return true;
        }
        return eachRecord(body, () => this.#count(name, 1));
      }
    }
  }

  #takeRows(body: Uint8Array, agentKey: number): boolean {
    const { now, maxRowsPerSecondPerAgent, spans } = this.#options;
    const nowNs = now();
    const own: Span[] = [];
    const budget = this.#budgetOf(agentKey);
    const isWhole = eachRecord(body, (record) => {
      this.records.addIn();
      if (budget.take(1, maxRowsPerSecondPerAgent, nowNs / 1e6) === 0) {
        this.records.addLost("agent_rate");
        return;
      }
      const row = decodeL7Row(record);
      if (row === undefined) {
        this.records.addLost("malformed");
        return;
      }
      this.records.addOut();
      const span = this.#ownSpan(row);
      if (span === undefined) this.joiner.add(row, agentKey, nowNs);
      else own.push(span);
    });
    if (own.length > 0) spans(own);
    return isWhole;
  }

  #ownSpan(row: L7Row): Span | undefined {
    const index = row.attributeNames.indexOf(OWN_ROW_ATTRIBUTE);
    if (index < 0) return undefined;
    return unpackSpan(row.attributeValues[index] ?? "", row.startTimeNs, row.endTimeNs, (key, attributes) =>
      this.#resources.get(`own:${key}`, attributes),
    );
  }

  #takeTraces(record: Uint8Array | undefined): void {
    this.records.addIn();
    const spans = record === undefined ? undefined : decodeTracesData(record);
    if (spans === undefined) {
      this.records.addLost("malformed");
      return;
    }
    this.records.addOut();
    if (spans.length > 0) this.#options.spans(spans);
  }

  #inflate(record: Uint8Array): Uint8Array | undefined {
    try {
      return inflateSync(record, { maxOutputLength: this.#options.maxUnfoldedBytes });
    } catch {
      return undefined;
    }
  }

  #takeProfiles(body: Uint8Array, agentKey: number): boolean {
    const rows: ProfileMessage[] = [];
    const isWhole = eachRecord(body, (record) => {
      this.records.addIn();
      try {
        rows.push(fromBinary(ProfileSchema, record));
        this.records.addOut();
      } catch {
        this.records.addLost("malformed");
      }
    });
    const profiles = profilesOf(
      rows,
      (data) => decompressBody(FrameEncoder.zstd, data, this.#options.maxUnfoldedBytes),
      ({ pid, processName }) => this.#resources.ofProcess(pid, processName, agentKey),
      (reason) => {
        // It was counted out with the rows that a profile was made of.
        this.records.addIn();
        this.records.addLost(reason);
      },
    );
    if (profiles.length > 0) this.#options.profiles(profiles);
    return isWhole;
  }

  #count(name: string, count: number): void {
    this.records.addIn(count);
    this.records.addConsumed(name, count);
  }

  #budgetOf(agentKey: number): SecondBudget {
    let budget = this.#budgets.get(agentKey);
    if (budget === undefined) {
      // Agent ids come from strangers: their table is bounded too.
      if (this.#budgets.size >= MAX_BUDGETS) this.#budgets.clear();
      budget = new SecondBudget();
      this.#budgets.set(agentKey, budget);
    }
    return budget;
  }
}
