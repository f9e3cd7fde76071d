/** Pipelines of profiles: from receivers straight to exporters. */
import type { ProfileExporter } from "../exporter/exporter.ts";
import type { Profile } from "../mapping/profile.ts";
import type { ComponentConfig, Config, PipelineConfig } from "./config/config.ts";

export interface ProfileConsumer {
  consume(profiles: readonly Profile[]): void;
}

export class ProfilePipelines {
  readonly exporters: readonly ProfileExporter[];
  /** Samples that each receiver gave, by its id. */
  readonly accepted = new Map<string, number>();
  readonly #byId: ReadonlyMap<string, ProfileExporter>;
  readonly #pipelines: readonly PipelineConfig[];
  readonly #taps: readonly ProfileConsumer[];

  private constructor(
    byId: ReadonlyMap<string, ProfileExporter>,
    pipelines: readonly PipelineConfig[],
    taps: readonly ProfileConsumer[],
  ) {
    this.exporters = [...byId.values()];
    this.#byId = byId;
    this.#pipelines = pipelines;
    this.#taps = taps;
  }

  /** @param taps pages that show what any receiver gives */
  static async build(
    { pipelines, exporters }: Config,
    make: (config: ComponentConfig) => Promise<ProfileExporter>,
    taps: readonly ProfileConsumer[],
  ): Promise<ProfilePipelines> {
    const own = pipelines.filter(({ signal }) => signal === "profiles");
    const byId = new Map<string, ProfileExporter>();
    for (const id of new Set(own.flatMap((pipeline) => pipeline.exporters))) {
      const config = exporters.get(id);
      if (config !== undefined) byId.set(id, await make(config));
    }
    return new ProfilePipelines(byId, own, taps);
  }

  /** Where the profiles of a receiver go. */
  inputOf(receiverId: string): (profiles: readonly Profile[]) => void {
    const ids = this.#pipelines.filter(({ receivers }) => receivers.includes(receiverId)).flatMap((p) => p.exporters);
    const outputs = [...new Set(ids)].flatMap((id): ProfileConsumer[] => {
      const exporter = this.#byId.get(id);
      return exporter === undefined ? [] : [exporter];
    });
    const consumers = outputs.length === 0 ? [] : [...outputs, ...this.#taps];
    if (consumers.length === 0) return () => {};
    this.accepted.set(receiverId, 0);
    return (profiles) => {
      if (profiles.length === 0) return;
      const count = profiles.reduce((sum, { samples }) => sum + samples.length, 0);
      this.accepted.set(receiverId, (this.accepted.get(receiverId) ?? 0) + count);
      for (const consumer of consumers) consumer.consume(profiles);
    };
  }
}
