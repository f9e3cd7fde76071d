/** Receivers by type, and what those of one worker share. The code of one is loaded when the configuration has it. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { BrokerConnection } from "../ipc/connect-to-broker.ts";
import type { Attachment, ProfileAttachment } from "../ipc/messages.ts";
import type { ProfileConfig } from "../ipc/profile-config.ts";
import type { SocketTraceConfig } from "../ipc/socket-trace-config.ts";
import type { Log } from "../log.ts";
import type { TraceEngine } from "../mapping/engine.ts";
import { ServedWork } from "../mapping/profiles/served-work.ts";
import { createHostProcesses, type HostProcesses } from "../receiver/host-processes.ts";
import type { HostFacts } from "../receiver/process-resource.ts";
import type { Receiver } from "../receiver/receiver.ts";
import type { TridentReceiverSettings } from "../receiver/trident/settings.ts";
import { profileOf, socketTraceOf } from "./captures-of.ts";
import type { ComponentConfig, Config } from "./config/config.ts";
import type { ControlAnswers } from "./control-answers.ts";
import { ComponentMissingError } from "./error.ts";

export interface PreparedReceiver extends Receiver {
  /** All that needs code from disk or a privilege. */
  prepare(): Promise<void>;
  /** What runs in the kernel for it, once started. */
  readonly attachment?: Attachment | undefined;
  readonly profileAttachment?: ProfileAttachment | undefined;
}

interface HostOptions {
  readonly connection: BrokerConnection;
  readonly config: Config;
  readonly log: Log;
  readonly version: string;
  readonly keptFiles: readonly string[];
  readonly selfTestPids: readonly number[];
  readonly answers: ControlAnswers;
}

/** What the receivers of one worker share. */
export class HostContext {
  readonly connection: BrokerConnection;
  /** Written before a reload. */
  readonly keptFiles: readonly string[];
  readonly selfTestPids: readonly number[];
  /** Of the control socket. */
  readonly answers: ControlAnswers;
  readonly facts: HostFacts;
  readonly processes: HostProcesses;
  /** Spans are made here too, so that samples may be linked to them. */
  readonly hasTraces: boolean;
  /** What the traced processes do when; undefined where nothing is sampled or nothing traced. */
  readonly work: ServedWork | undefined;
  #engine: TraceEngine | undefined;

  constructor({ connection, config, log, version, keptFiles, selfTestPids, answers }: HostOptions) {
    this.connection = connection;
    this.keptFiles = keptFiles;
    this.selfTestPids = selfTestPids;
    this.answers = answers;
    this.facts = { hostName: hostname(), bootId: connection.hello.bootId, version, ownCgroupPath: ownCgroupPath() };
    this.processes = createHostProcesses(connection.client, this.facts, log, selfTestPids);
    this.hasTraces = socketTraceOf(config) !== undefined;
    this.work =
      this.hasTraces && profileOf(config) !== undefined
        ? new ServedWork((tgid) => this.#engine?.servesByThread(tgid) ?? false)
        : undefined;
  }

  /** The engine that makes the spans. */
  setEngine(engine: TraceEngine): TraceEngine {
    this.#engine = engine;
    return engine;
  }
}

/** @throws ComponentMissingError for a type that only the catalog knows */
export async function createReceiver(
  { id, type, settings }: ComponentConfig,
  host: HostContext,
  log: Log,
): Promise<PreparedReceiver> {
  switch (type) {
    case "trident": {
      const { TridentReceiver } = await import("../receiver/trident/receiver.ts");
      return new TridentReceiver(id, settings as TridentReceiverSettings, log, host.connection.hello.user);
    }
    case "profile": {
      const { createProfile } = await import("./receivers/profile.ts");
      return createProfile(id, settings as ProfileConfig, host, log);
    }
    case "socket_trace": {
      const { createSocketTrace } = await import("./receivers/socket-trace.ts");
      return createSocketTrace(id, settings as SocketTraceConfig, host, log);
    }
    default:
      throw new ComponentMissingError("receiver", type);
  }
}

function ownCgroupPath(): string | undefined {
  try {
    return /^0::(\/.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
  } catch {
    return undefined;
  }
}
