/** The worker's service with all that it stands on: files, pages, health, metrics, self-test. */
import { randomUUID } from "node:crypto";
import { noPaint } from "../exporter/debug/paint.ts";
import { traceLines } from "../exporter/debug/trace-lines.ts";
import type { ExporterDeps } from "../exporter/exporter.ts";
import type { Extension } from "../extension/extension.ts";
import { FileStorage } from "../extension/file-storage/file-storage.ts";
import type { FileStorageSettings } from "../extension/file-storage/settings.ts";
import { HealthCheck, type HealthCheckSettings } from "../extension/health-check.ts";
import type { TridentAgentSettings } from "../extension/trident/settings.ts";
import type { ZpagesSettings } from "../extension/zpages/settings.ts";
import type { Zpages } from "../extension/zpages/zpages.ts";
import type { BrokerConnection } from "../ipc/connect-to-broker.ts";
import type { StageAccount } from "../mapping/account.ts";
import type { Span } from "../mapping/span.ts";
import type { ComponentConfig, Config } from "./config/config.ts";
import { ControlAnswers } from "./control-answers.ts";
import { ComponentMissingError } from "./error.ts";
import { ExporterFactory } from "./exporters.ts";
import { SpanCounts } from "./live/span-counts.ts";
import { SpanTap } from "./live/span-tap.ts";
import type { Logger } from "./log.ts";
import { PreparedFiles } from "./prepared-files.ts";
import { createProcessor } from "./processors.ts";
import { createReceiver, HostContext, type PreparedReceiver } from "./receivers.ts";
import { SelfTestFilter } from "./self-test/self-test-filter.ts";
import { Service } from "./service.ts";
import type { FileOwner } from "./sudo-user.ts";
import { MetricsListener } from "./telemetry/metrics-listener.ts";
import {
  type ProfileProgressEvent,
  type ReadyEvent,
  type SelfTestEvent,
  WorkerEvent,
  type WorkerSettings,
} from "./worker-settings.ts";

const PROGRESS_INTERVAL_MS = 1000;

interface WorkerHostOptions {
  readonly config: Config;
  readonly settings: WorkerSettings;
  readonly connection: BrokerConnection;
  readonly log: Logger;
  readonly owner: FileOwner | undefined;
}

export class WorkerHost {
  readonly #options: WorkerHostOptions;
  readonly #selfTest: SelfTestFilter;
  readonly #receivers: PreparedReceiver[] = [];
  readonly #pages: Zpages[] = [];
  readonly #storages = new Map<string, FileStorage>();
  readonly #answers = new ControlAnswers();
  readonly #watched = new SpanTap(() => performance.now());
  readonly #counted = new SpanCounts({
    nowMs: () => performance.now(),
    cpuUs: () => sum(process.cpuUsage()),
    accounts: () => this.#accounts,
  });
  #service: Service | undefined;
  #metrics: MetricsListener | undefined;
  #readySince: number | undefined;
  #progressTimer: NodeJS.Timeout | undefined;

  private constructor(options: WorkerHostOptions) {
    this.#options = options;
    this.#selfTest = new SelfTestFilter(
      options.settings.selfTestPids,
      (spans) => this.#showSelfTest(spans),
      () => performance.now(),
    );
  }

  /** Makes every component. */
  static async build(options: WorkerHostOptions): Promise<WorkerHost> {
    const host = new WorkerHost(options);
    await host.#build();
    return host;
  }

  get #accounts(): readonly StageAccount[] {
    const pages = this.#pages.flatMap((each) => [each.store.account, each.profiles.account]);
    return [...(this.#service?.accounts ?? []), this.#selfTest.account, ...pages];
  }

  /** The last step that needs code from disk or a privilege. */
  async prepare(): Promise<void> {
    await Promise.all(this.#receivers.map((receiver) => receiver.prepare()));
  }

  async start(): Promise<void> {
    await this.#metrics?.start();
    await this.#service?.start();
    this.#readySince = Date.now();
    const event: ReadyEvent = {
      listeners: [
        ...(this.#service?.extensions ?? []),
        ...(this.#metrics === undefined ? [] : [this.#metrics]),
      ].flatMap(({ id, address, isMoved }) =>
        address === undefined ? [] : [{ id, address, isMoved: isMoved ?? false }],
      ),
      exporters: [...new Set((this.#service?.exporters ?? []).map((exporter) => exporter.id))],
    };
    this.#options.connection.client.emit(WorkerEvent.ready, event);
    if (this.#receivers.some(({ profileAttachment }) => profileAttachment !== undefined)) {
      this.#progressTimer = setInterval(() => this.#showProgress(), PROGRESS_INTERVAL_MS);
    }
  }

  async shutdown(deadlineMs: number): Promise<void> {
    this.#readySince = undefined;
    clearInterval(this.#progressTimer);
    await this.#service?.shutdown(deadlineMs);
    if (this.#progressTimer !== undefined) this.#showProgress();
    await this.#metrics?.shutdown();
  }

  async #build(): Promise<void> {
    const { config, settings, log, owner, connection } = this.#options;
    // Before the pipelines: the pages are fed with what those carry, and exporters' queues lie in the storages.
    const extensions = new Map<string, Extension>();
    for (const id of config.enabledExtensions) {
      extensions.set(id, await this.#extension(config.extensions.get(id) ?? missing(id)));
    }
    const files = await PreparedFiles.prepare(config, owner, connection.hello.user, settings.keptFiles);
    const deps = (id: string): ExporterDeps => ({
      log: log.child(id),
      now: () => performance.now(),
      files,
      storage: (storageId) => this.#storages.get(storageId) ?? missing(storageId),
      stdout: process.stdout,
    });
    const { version, keptFiles, selfTestPids } = settings;
    const answers = this.#answers;
    answers.set("spans", ({ after }) => this.#watched.answer(after));
    answers.set("stat", () => this.#counted.answer());
    connection.client.onAsk((question) => answers.answer(question));
    const host = new HostContext({ connection, config, log, version, keptFiles, selfTestPids, answers });
    const exporterFactory = new ExporterFactory(deps);
    this.#service = await Service.build({
      config,
      log: log.child("service"),
      divert: (spans) => this.#selfTest.divert(spans),
      taps: [...this.#pages.flatMap((each) => [each.store, each.profiles.spans]), this.#watched, this.#counted],
      profileTaps: this.#pages.map((each) => each.profiles),
      factories: {
        exporter: (component) => exporterFactory.traces(component),
        profileExporter: (component) => exporterFactory.profiles(component),
        processor: createProcessor,
        extension: ({ id }) => extensions.get(id) ?? missing(id),
        receiver: async (component) => {
          const receiver = await createReceiver(component, host, log.child(component.id));
          this.#receivers.push(receiver);
          return receiver;
        },
      },
    });
    const { accepted, acceptedSamples, processors, exporters } = this.#service;
    this.#metrics = await MetricsListener.create(
      config.telemetry,
      { accounts: () => this.#accounts, accepted, acceptedSamples, processors, exporters },
      { version: settings.version, instanceId: randomUUID() },
    );
  }

  async #extension({ id, type, settings }: ComponentConfig): Promise<Extension> {
    if (type === "health_check") return new HealthCheck(id, settings as HealthCheckSettings, this.#health());
    if (type === "trident") {
      const { log, connection } = this.#options;
      const { user } = connection.hello;
      const { createTridentAgent } = await import("../extension/trident/agent.ts");
      return createTridentAgent(id, settings as TridentAgentSettings, log.child(id), () => performance.now(), user);
    }
    if (type === "file_storage") return this.#storage(id, settings as FileStorageSettings);
    if (type !== "zpages") throw new ComponentMissingError("extension", type);
    const { Zpages } = await import("../extension/zpages/zpages.ts");
    const pages = new Zpages(id, settings as ZpagesSettings, {
      accounts: () => this.#accounts,
      status: () => ({
        summary: this.#summary,
        version: this.#options.settings.version,
      }),
    });
    this.#pages.push(pages);
    return pages;
  }

  #storage(id: string, settings: FileStorageSettings): Extension {
    const owner = process.getuid?.() === 0 ? this.#options.connection.hello.user : undefined;
    const storage = new FileStorage(id, { settings, owner, log: this.#options.log.child(id) });
    this.#storages.set(id, storage);
    return storage;
  }

  get #summary(): string {
    if (this.#readySince === undefined) return "starting";
    const probes = this.#receivers.reduce(
      (sum, { attachment, profileAttachment }) =>
        sum + (attachment?.probes.length ?? 0) + (profileAttachment?.probes.length ?? 0),
      0,
    );
    return probes === 0 ? "running, nothing is captured" : `capturing with ${probes} probes`;
  }

  #health() {
    const since = () => this.#readySince;
    return {
      get isReady() {
        return since() !== undefined;
      },
      get readySince() {
        return since();
      },
      now: () => Date.now(),
    };
  }

  #showProgress(): void {
    const find = (stage: string) => this.#accounts.find((account) => account.stage === stage);
    const [samples, stacks] = [find("profile"), find("unwind")];
    const event: ProfileProgressEvent = {
      samples: (samples?.out ?? 0) + (samples?.held ?? 0),
      stacks: stacks?.in ?? 0,
      completeStacks: stacks?.out ?? 0,
    };
    this.#options.connection.client.emit(WorkerEvent.profileProgress, event);
  }

  #showSelfTest(spans: readonly Span[]): void {
    const event: SelfTestEvent = { lines: [...traceLines(spans, noPaint)] };
    this.#options.connection.client.emit(WorkerEvent.selfTest, event);
  }
}

function sum({ user, system }: NodeJS.CpuUsage): number {
  return user + system;
}

function missing(id: string): never {
  throw new TypeError(`no component ${id}`);
}
