/** The running whole of one configuration: extensions, then from its end to its beginning; drained the other way round. */
import { withExporterId } from "../exporter/error.ts";
import type { ProfileExporter, TraceExporter } from "../exporter/exporter.ts";
import type { Extension } from "../extension/extension.ts";
import type { Log } from "../log.ts";
import type { StageAccount } from "../mapping/account.ts";
import type { Span } from "../mapping/span.ts";
import type { Receiver } from "../receiver/receiver.ts";
import type { ComponentConfig, Config } from "./config/config.ts";
import { type SpanConsumer, TracePipeline } from "./pipeline.ts";
import type { Processor } from "./processor/processor.ts";
import { type ProfileConsumer, ProfilePipelines } from "./profile-pipelines.ts";

/** What makes components; tests give fakes. */
interface Factories {
  receiver(config: ComponentConfig): Promise<Receiver>;
  processor(config: ComponentConfig): Processor;
  exporter(config: ComponentConfig): Promise<TraceExporter>;
  profileExporter(config: ComponentConfig): Promise<ProfileExporter>;
  extension(config: ComponentConfig): Extension;
}

interface ServiceOptions {
  readonly config: Config;
  readonly factories: Factories;
  readonly log: Log;
  /** Takes spans out before they reach any pipeline: the self-test's own. */
  readonly divert?: (spans: readonly Span[]) => readonly Span[];
  /** Pages that show what the first pipeline exports. */
  readonly taps?: readonly SpanConsumer[];
  /** Pages that show profiles. */
  readonly profileTaps?: readonly ProfileConsumer[];
}

/** Of the time to shut down, what exporters get at least. */
const MIN_EXPORT_MS = 1000;

/** What was started has next to nothing to give. */
const FAILED_START_MS = 1000;

export class Service {
  readonly receivers: readonly Receiver[];
  readonly processors: readonly Processor[];
  readonly exporters: readonly (TraceExporter | ProfileExporter)[];
  readonly extensions: readonly Extension[];
  /** Spans that each receiver gave, by its id. */
  readonly accepted = new Map<string, number>();
  /** Samples of profiles, by receiver. */
  readonly acceptedSamples: ReadonlyMap<string, number>;
  readonly #pipelines: readonly TracePipeline[];
  readonly #inputs: ReadonlyMap<Receiver, (spans: readonly Span[]) => void>;
  readonly #profiles: ProfilePipelines;
  readonly #log: Log;
  readonly #started = new Set<{ readonly id: string }>();

  private constructor(parts: Parts, { config, log, divert }: ServiceOptions) {
    this.receivers = [...parts.receivers.values()];
    this.processors = parts.processors;
    this.exporters = [...parts.exporters.values(), ...parts.profiles.exporters];
    this.#profiles = parts.profiles;
    this.acceptedSamples = parts.profiles.accepted;
    this.extensions = parts.extensions;
    this.#log = log;
    this.#pipelines = [...parts.pipelines.values()];
    this.#inputs = new Map(
      [...parts.receivers].map(([id, receiver]) => {
        const outputs = config.pipelines.flatMap((pipeline) => {
          const found = parts.pipelines.get(pipeline.id);
          return pipeline.receivers.includes(id) && found !== undefined ? [found] : [];
        });
        return [receiver, this.#input(id, outputs, divert)];
      }),
    );
  }

  /** Makes every component that a pipeline uses; starts none. */
  static async build(options: ServiceOptions): Promise<Service> {
    return new Service(await makeParts(options), options);
  }

  get accounts(): readonly StageAccount[] {
    return [
      ...this.receivers.flatMap((receiver) => receiver.accounts),
      ...this.processors.map((processor) => processor.account),
      ...this.exporters.map((exporter) => exporter.account),
    ];
  }

  /** Extensions, exporters, receivers, as in the Collector. What was started is shut down when a later one fails. */
  async start(): Promise<void> {
    try {
      for (const extension of this.extensions) await this.#start(extension, () => extension.start());
      for (const exporter of this.exporters) await this.#start(exporter, () => startExporter(exporter));
      for (const receiver of this.receivers) {
        const next = this.#inputs.get(receiver) ?? (() => {});
        await this.#start(receiver, () => receiver.start(next, this.#profiles.inputOf(receiver.id)));
      }
    } catch (error) {
      await this.shutdown(FAILED_START_MS);
      throw error;
    }
  }

  /** Receivers give what they hold, then exporters send it, until the deadline; extensions go last. */
  async shutdown(deadlineMs: number): Promise<void> {
    const endMs = performance.now() + deadlineMs;
    await Promise.all(
      this.receivers.map((each) =>
        this.#stop(
          each,
          within(() => each.shutdown(deadlineMs), deadlineMs),
        ),
      ),
    );
    for (const pipeline of this.#pipelines) pipeline.flush();
    const remainingMs = Math.max(endMs - performance.now(), Math.min(MIN_EXPORT_MS, deadlineMs));
    await Promise.all(this.exporters.map((each) => this.#stop(each, () => each.shutdown(remainingMs))));
    await Promise.all(this.extensions.map((each) => this.#stop(each, () => each.shutdown())));
  }

  async #start(part: { readonly id: string }, start: () => Promise<void>): Promise<void> {
    await start();
    this.#started.add(part);
  }

  async #stop(part: { readonly id: string }, shutdown: () => Promise<void>): Promise<void> {
    if (!this.#started.delete(part)) return;
    try {
      await shutdown();
    } catch (error) {
      this.#log.error("shutting down failed", { component: part.id, error: String(error) });
    }
  }

  #input(
    id: string,
    outputs: readonly SpanConsumer[],
    divert: ServiceOptions["divert"],
  ): (spans: readonly Span[]) => void {
    this.accepted.set(id, 0);
    return (given) => {
      const spans = divert === undefined ? given : divert(given);
      if (spans.length === 0) return;
      this.accepted.set(id, (this.accepted.get(id) ?? 0) + spans.length);
      for (const output of outputs) output.consume(spans);
    };
  }
}

async function startExporter(exporter: TraceExporter | ProfileExporter): Promise<void> {
  try {
    await exporter.start();
  } catch (error) {
    throw withExporterId(error, exporter.id);
  }
}

/** A receiver that hangs must not keep the exporters from their share of the time. */
function within(job: () => Promise<void>, limitMs: number): () => Promise<void> {
  return async () => {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no end within ${limitMs} ms`)), limitMs);
    });
    try {
      await Promise.race([job(), timeout]);
    } finally {
      clearTimeout(timer);
    }
  };
}

interface Parts {
  readonly receivers: ReadonlyMap<string, Receiver>;
  readonly processors: readonly Processor[];
  readonly exporters: ReadonlyMap<string, TraceExporter>;
  readonly profiles: ProfilePipelines;
  readonly extensions: readonly Extension[];
  readonly pipelines: ReadonlyMap<string, TracePipeline>;
}

async function makeParts({ config, factories, taps = [], profileTaps = [] }: ServiceOptions): Promise<Parts> {
  const traces = config.pipelines.filter(({ signal }) => signal === "traces");
  const exporters = new Map<string, TraceExporter>();
  for (const id of new Set(traces.flatMap((each) => each.exporters)))
    exporters.set(id, await factories.exporter(found(config.exporters, id)));
  const receivers = new Map<string, Receiver>();
  for (const id of new Set(config.pipelines.flatMap((each) => each.receivers)))
    receivers.set(id, await factories.receiver(found(config.receivers, id)));
  const extensions = config.enabledExtensions.map((id) => factories.extension(found(config.extensions, id)));
  const processors: Processor[] = [];
  const pipelines = new Map<string, TracePipeline>();
  for (const [index, pipeline] of traces.entries()) {
    // A processor has state, so each pipeline has its own, as in the Collector.
    const own = pipeline.processors.map((id) => factories.processor(found(config.processors, id)));
    processors.push(...own);
    const ends = pipeline.exporters.map((id) => exporters.get(id)).filter((each) => each !== undefined);
    pipelines.set(pipeline.id, new TracePipeline(pipeline.id, own, index === 0 ? [...ends, ...taps] : ends));
  }
  const profiles = await ProfilePipelines.build(config, (each) => factories.profileExporter(each), profileTaps);
  return { receivers, processors, exporters, profiles, extensions, pipelines };
}

/** References were checked when the configuration was. */
function found(components: ReadonlyMap<string, ComponentConfig>, id: string): ComponentConfig {
  const component = components.get(id);
  if (component === undefined) throw new TypeError(`no component ${id}`);
  return component;
}
