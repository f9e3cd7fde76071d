/** The controller's listener (20035): both generations on one port, plain or TLS. */

import { readFileSync } from "node:fs";
import * as grpc from "@grpc/grpc-js";
import { messageOf } from "../../../error.ts";
import type { Log } from "../../../log.ts";
import { serviceDefinition } from "../../../trident/grpc-service.ts";
import { makePrivateFolder, type UnprivilegedUser } from "../../../trident/private-folder.ts";
import { Synchronizer as SynchronizerV7 } from "../../../trident/proto/agent.gen.ts";
import { Synchronizer as SynchronizerV6 } from "../../../trident/proto/trident.gen.ts";
import { TridentFileError, TridentListenError } from "../error.ts";
import type { ControllerSettings } from "../settings.ts";
import { ControllerCore } from "./core.ts";
import { serviceV6 } from "./service-v6.ts";
import { serviceV7 } from "./service-v7.ts";

const SAVE_INTERVAL_MS = 1000;

export class Controller {
  readonly core: ControllerCore;
  readonly #settings: ControllerSettings;
  readonly #log: Log;
  readonly #server: grpc.Server;
  readonly #timers: NodeJS.Timeout[] = [];
  #port: number | undefined;
  #prepared: grpc.ServerCredentials | undefined;

  constructor(settings: ControllerSettings, ingesterEndpoint: string | undefined, log: Log, now: () => number) {
    this.#settings = settings;
    this.#log = log;
    this.core = new ControllerCore(settings, ingesterEndpoint, log, now);
    this.#server = new grpc.Server({
      "grpc.max_receive_message_length": settings.max_message_size,
      "grpc.max_send_message_length": -1,
      // A connection holds one Push, one RemoteExecute and a few calls.
      "grpc.max_concurrent_streams": 64,
      "grpc.keepalive_time_ms": 60_000,
      "grpc.keepalive_timeout_ms": 20_000,
    });
    this.#server.addService(serviceDefinition(SynchronizerV7), serviceV7(this.core));
    this.#server.addService(serviceDefinition(SynchronizerV6), serviceV6(this.core));
  }

  get port(): number | undefined {
    return this.#port;
  }

  /** Reads what the settings name, while this process still may. */
  prepare(user: UnprivilegedUser | undefined): void {
    this.#prepared = this.#credentials();
    const { storage_directory } = this.#settings;
    if (storage_directory !== undefined) makePrivateFolder(storage_directory, user);
    this.core.load();
  }

  async start(): Promise<void> {
    if (this.#prepared === undefined) this.prepare(undefined);
    const { endpoint, heartbeat_interval, reload_interval } = this.#settings;
    const credentials = this.#prepared ?? this.#credentials();
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(endpoint, credentials, (error, port) => {
        if (error === null) resolve(port);
        else reject(new TridentListenError("controller.endpoint", endpoint, error));
      });
    });
    this.core.useControllerPort(this.#port);
    this.#every(heartbeat_interval, () => {
      for (const stream of this.core.streams) stream.heartbeat();
    });
    this.#every(reload_interval, () => {
      if (!this.core.groups.reload()) return;
      this.#log.info("group configuration changed, pushed", { streams: this.core.streams.size });
      for (const stream of this.core.streams) stream.refresh();
    });
    this.#every(SAVE_INTERVAL_MS, () => this.core.registry.save());
  }

  async shutdown(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    for (const stream of this.core.streams) stream.end();
    this.#server.forceShutdown();
    this.core.registry.save();
  }

  #every(intervalMs: number, work: () => void): void {
    const timer = setInterval(() => {
      try {
        work();
      } catch (error) {
        this.#log.error("controller", { error: messageOf(error) });
      }
    }, intervalMs);
    timer.unref();
    this.#timers.push(timer);
  }

  #credentials(): grpc.ServerCredentials {
    const { tls } = this.#settings;
    if (tls === undefined) return grpc.ServerCredentials.createInsecure();
    const read = (setting: string, path: string): Buffer => {
      try {
        return readFileSync(path);
      } catch (error) {
        throw new TridentFileError(`controller.tls.${setting}`, path, error);
      }
    };
    const ca = tls.client_ca_file === undefined ? null : read("client_ca_file", tls.client_ca_file);
    const pair = { private_key: read("key_file", tls.key_file), cert_chain: read("cert_file", tls.cert_file) };
    return grpc.ServerCredentials.createSsl(ca, [pair], ca !== null);
  }
}
