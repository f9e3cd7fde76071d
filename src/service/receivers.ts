/** Receivers by type. */
import type { BrokerConnection } from "../ipc/connect-to-broker.ts";
import type { Log } from "../log.ts";
import type { Receiver } from "../receiver/receiver.ts";
import type { ComponentConfig } from "./config/config.ts";
import { ComponentMissingError } from "./error.ts";

export interface PreparedReceiver extends Receiver {
  /** All that needs code from disk or a privilege. */
  prepare(): Promise<void>;
}

/** @throws ComponentMissingError for a type that only the catalog knows */
export function createReceiver({ type }: ComponentConfig, _connection: BrokerConnection, _log: Log): PreparedReceiver {
  throw new ComponentMissingError("receiver", type);
}
