/** Spans and profiles as the rows of an agent: l7 logs and events of files, and folded stacks. */
import type { Profile } from "../../mapping/profile.ts";
import type { Span } from "../../mapping/span.ts";
import { ioEventOfSpan } from "../../mapping/trident/rows/io-event-of-span.ts";
import { encodeIoEventRow } from "../../mapping/trident/rows/io-event-row.ts";
import { encodeL7Row } from "../../mapping/trident/rows/l7-row-encode.ts";
import { encodeProfileRow } from "../../mapping/trident/rows/profile-row.ts";
import { profileToRows } from "../../mapping/trident/rows/profile-to-rows.ts";
import { spanToRow } from "../../mapping/trident/rows/span-to-row.ts";
import { MessageType } from "../../mapping/trident/wire/message-type.ts";
import type { ConnectionProcesses } from "../../trident/connection-processes.ts";
import type { QueuedRequest, Sender, SendOutcome } from "../queue/send-outcome.ts";
import type { FrameSender } from "./frame-sender.ts";

export class SpanRowSender implements Sender<readonly Span[]> {
  readonly #frames: FrameSender;
  readonly #connections: ConnectionProcesses | undefined;

  /** @param connections of the agent that a controller asks for processes; undefined: there is none */
  constructor(frames: FrameSender, connections: ConnectionProcesses | undefined) {
    this.#frames = frames;
    this.#connections = connections;
  }

  start(): Promise<void> {
    return this.#frames.start();
  }

  async send(request: QueuedRequest<readonly Span[]>, signal: AbortSignal): Promise<SendOutcome> {
    const { agentId, vpcId, clockOffsetNs } = this.#frames.directives;
    const rows: Uint8Array[] = [];
    const events: Uint8Array[] = [];
    for (const span of request.body) {
      const row = spanToRow(span, { agentId, epcId: vpcId });
      if (row !== undefined) {
        this.#connections?.note(row);
        row.startTimeNs += clockOffsetNs;
        row.endTimeNs += clockOffsetNs;
        rows.push(encodeL7Row(row));
        continue;
      }
      const event = ioEventOfSpan(span);
      if (event === undefined) continue;
      const { startTimeNs, endTimeNs } = event;
      const corrected = { startTimeNs: startTimeNs + clockOffsetNs, endTimeNs: endTimeNs + clockOffsetNs };
      events.push(encodeIoEventRow({ ...event, ...corrected }));
    }
    const outcome = await this.#frames.sendRecords(MessageType.protocolLog, rows, signal);
    if (outcome.kind !== "sent" || events.length === 0) return outcome;
    const second = await this.#frames.sendRecords(MessageType.procEvent, events, signal);
    if (second.kind === "sent") return { ...outcome, rejectedItems: outcome.rejectedItems + second.rejectedItems };
    // The rows have arrived: to send all again would double them.
    const message = "events of files could not be sent";
    return { kind: "sent", rejectedItems: outcome.rejectedItems + events.length, message };
  }

  close(): Promise<void> {
    return this.#frames.close();
  }
}

export class ProfileRowSender implements Sender<readonly Profile[]> {
  readonly #frames: FrameSender;

  constructor(frames: FrameSender) {
    this.#frames = frames;
  }

  start(): Promise<void> {
    return this.#frames.start();
  }

  async send(request: QueuedRequest<readonly Profile[]>, signal: AbortSignal): Promise<SendOutcome> {
    const { clockOffsetNs } = this.#frames.directives;
    const records = request.body.flatMap((profile) =>
      profileToRows(profile).map((row) => encodeProfileRow({ ...row, timestampNs: row.timestampNs + clockOffsetNs })),
    );
    const outcome = await this.#frames.sendRecords(MessageType.profile, records, signal);
    // What is counted are profiles; a row that fits in no frame is a part of one.
    return outcome.kind === "sent" ? { ...outcome, rejectedItems: 0 } : outcome;
  }

  close(): Promise<void> {
    return this.#frames.close();
  }
}
