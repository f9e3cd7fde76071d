/** Records in frames to an ingester, whatever they are of. */

import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../error.ts";
import { SecondBudget } from "../../mapping/trident/second-budget.ts";
import { encodeFrame, FrameEncoder, HEADER_BYTES } from "../../mapping/trident/wire/frame.ts";
import { MessageType } from "../../mapping/trident/wire/message-type.ts";
import { joinRecords } from "../../mapping/trident/wire/records.ts";
import type { AgentDirectives } from "../../trident/agent-link.ts";
import { compressBody, prepareCompression } from "../../trident/compression.ts";
import type { SendOutcome } from "../queue/send-outcome.ts";
import type { IngesterConnection } from "./connection.ts";

interface FrameSenderOptions {
  readonly connection: IngesterConnection;
  /** As it is now: the controller may change it. */
  readonly directives: () => AgentDirectives;
  readonly encoder: FrameEncoder;
  readonly now: () => number;
}

export class FrameSender {
  readonly #options: FrameSenderOptions;
  readonly #bytes = new SecondBudget();
  /** Frames go one after the other, whoever sends them. */
  #last: Promise<void> = Promise.resolve();
  sentFrames = 0;
  sentBytes = 0;

  constructor(options: FrameSenderOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    return prepareCompression();
  }

  get directives(): AgentDirectives {
    return this.#options.directives();
  }

  /** Rows of any type; never rejects. */
  async sendRecords(type: number, records: readonly Uint8Array[], signal: AbortSignal): Promise<SendOutcome> {
    const maxBytes = this.#options.connection.maxFrameBytes - HEADER_BYTES;
    let rejectedItems = 0;
    let batch: Uint8Array[] = [];
    let batchBytes = 0;
    try {
      for (const record of records) {
        if (record.length + 4 > maxBytes) {
          rejectedItems++;
          continue;
        }
        if (batchBytes + record.length + 4 > maxBytes) {
          await this.#writeFrame(type, batch, signal);
          batch = [];
          batchBytes = 0;
        }
        batch.push(record);
        batchBytes += record.length + 4;
      }
      if (batch.length > 0) await this.#writeFrame(type, batch, signal);
      return {
        kind: "sent",
        rejectedItems,
        message: rejectedItems > 0 ? "rows that fit in no frame were left out" : "",
      };
    } catch (error) {
      const reason = messageOf(error);
      return { kind: "retry", reason, serverDelayMs: undefined };
    }
  }

  async close(): Promise<void> {
    this.#options.connection.close();
  }

  #writeFrame(type: number, records: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const written = this.#last.then(() => this.#writeNow(type, records, signal));
    this.#last = written.catch(() => undefined);
    return written;
  }

  async #writeNow(type: number, records: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const { connection, directives, now } = this.#options;
    const { ingester, agentId, teamId, organizationId, maxBytesPerSecond, isCompressed } = directives();
    if (ingester === undefined) throw new Error("the controller has named no ingester yet");
    const body = joinRecords(records);
    // Only l7 rows are compressed, as the real agents do.
    const isPacked = isCompressed && type === MessageType.protocolLog;
    const encoder = isPacked ? this.#options.encoder : FrameEncoder.raw;
    const frame = encodeFrame({ type, encoder, teamId, organizationId, agentId }, compressBody(encoder, body));
    while (!this.#bytes.spend(frame.length, maxBytesPerSecond, now())) {
      await sleep(this.#bytes.waitMs(now()), undefined, { signal });
    }
    await connection.write(frame, ingester, signal);
    this.sentFrames++;
    this.sentBytes += frame.length;
  }
}
