/** The worker's first step: meet the broker that spawned it, and never outlive it. */

import { BrokerClient, type WorkerMessage } from "./broker-client.ts";
import { type Channel, parentChannel } from "./channel.ts";
import { BrokerRequestError } from "./error.ts";
import type { BrokerMessage, Hello } from "./messages.ts";

const HELLO_TIMEOUT_MS = 10_000;

export interface BrokerConnection {
  readonly client: BrokerClient;
  readonly hello: Hello;
}

/**
 * Signals are the broker's affair: a terminal and a service manager send them to both, and the broker asks the worker
 * to drain by a message.
 */
export async function connectToBroker(): Promise<BrokerConnection> {
  if (process.send === undefined) throw new BrokerRequestError("hello", "this process was not started by it");
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  const channel: Channel<WorkerMessage, BrokerMessage> = parentChannel();
  channel.onClose(() => process.exit(1));
  const hello = await firstMessage(channel);
  return { client: new BrokerClient(channel), hello };
}

function firstMessage(channel: Channel<WorkerMessage, BrokerMessage>): Promise<Hello> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new BrokerRequestError("hello", "no answer in time")), HELLO_TIMEOUT_MS);
    channel.onMessage((message) => {
      if (message.kind !== "hello") return;
      clearTimeout(timer);
      resolve(message);
    });
  });
}
