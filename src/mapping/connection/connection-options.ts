/** What a connection is given: the protocols, its limits, and who hears what it finds. */
import type { SocketRole } from "../../bpf/layout.gen.ts";
import type { StageAccount } from "../account.ts";
import type { EventMeta } from "../event-meta.ts";
import type { Sender } from "../protocols/protocol.ts";
import type { AnyMessage, AnyProtocol } from "../protocols/registry.ts";
import type { StreamLimits } from "./stream.ts";
import type { Verdict } from "./verdict.ts";

/** Who takes the messages. Offsets are stream offsets. */
interface MessageListener {
  begin(protocol: AnyProtocol, message: AnyMessage, sender: Sender, offset: number, meta: EventMeta): void;
  /** @param offset behind the message's last byte */
  end(message: AnyMessage, sender: Sender, meta: EventMeta): void;
  /** Bytes of `sender` are lost; `last` is the last event before them. A hole's were sent, and not captured. */
  gap(sender: Sender, last: EventMeta | undefined, isHole: boolean): void;
  /** An event shows that bytes before it did not come: other events may be lost too. */
  missing(meta: EventMeta): void;
  /** An event of a direction that has not found its next message yet. */
  unsynced(sender: Sender, meta: EventMeta): void;
  /** Content has told the protocol; nothing of it is read yet. @param otherRole of the other end */
  recognized(protocol: AnyProtocol, otherRole: SocketRole, nowNs: number): void;
  /** Who answers by closing has answered. */
  answersEnd(last: EventMeta | undefined): void;
  close(last: EventMeta | undefined): void;
}

export interface ConnectionOptions {
  readonly protocols: readonly AnyProtocol[];
  readonly streamLimits: StreamLimits;
  /** In bytes. */
  readonly account: StageAccount;
  readonly listener: MessageListener;
  /** A connection of no known protocol makes a message of its own, from its first event to its last. */
  readonly tellsUnknown?: boolean;
  verdict(verdict: Verdict): void;
}
