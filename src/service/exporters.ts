/** Exporters by type. */
import { createDebugExporter, createDebugProfileExporter, type DebugSettings } from "../exporter/debug.ts";
import { createDeepflowExporter, createDeepflowProfileExporter } from "../exporter/deepflow/deepflow.ts";
import type { DeepflowSettings } from "../exporter/deepflow/settings.ts";
import type { ExporterDeps, ProfileExporter, TraceExporter } from "../exporter/exporter.ts";
import { createFileExporters, type FileSettings } from "../exporter/file.ts";
import { createOtlpGrpcExporter, createOtlpGrpcProfileExporter, type OtlpGrpcSettings } from "../exporter/otlp-grpc.ts";
import { createOtlpHttpExporter, createOtlpHttpProfileExporter, type OtlpHttpSettings } from "../exporter/otlp-http.ts";
import { createPprofExporter, type PprofSettings } from "../exporter/pprof.ts";
import type { ComponentConfig } from "./config/config.ts";
import { ComponentMissingError } from "./error.ts";

type Settings = never;
type CreateTraces = (id: string, settings: Settings, deps: ExporterDeps) => TraceExporter | Promise<TraceExporter>;
type CreateProfiles = (
  id: string,
  settings: Settings,
  deps: ExporterDeps,
) => ProfileExporter | Promise<ProfileExporter>;

const TRACES: ReadonlyMap<string, CreateTraces> = new Map<string, CreateTraces>([
  ["debug", (id, settings: DebugSettings, deps) => createDebugExporter(id, settings, deps)],
  ["deepflow", (id, settings: DeepflowSettings, deps) => createDeepflowExporter(id, settings, deps)],
  ["otlp_grpc", (id, settings: OtlpGrpcSettings, deps) => createOtlpGrpcExporter(id, settings, deps)],
  ["otlp_http", (id, settings: OtlpHttpSettings, deps) => createOtlpHttpExporter(id, settings, deps)],
]);

const PROFILES: ReadonlyMap<string, CreateProfiles> = new Map<string, CreateProfiles>([
  ["debug", (id, settings: DebugSettings, deps) => createDebugProfileExporter(id, settings, deps)],
  ["deepflow", (id, settings: DeepflowSettings, deps) => createDeepflowProfileExporter(id, settings, deps)],
  ["otlp_grpc", (id, settings: OtlpGrpcSettings, deps) => createOtlpGrpcProfileExporter(id, settings, deps)],
  ["otlp_http", (id, settings: OtlpHttpSettings, deps) => createOtlpHttpProfileExporter(id, settings, deps)],
  ["pprof", (id, settings: PprofSettings, deps) => createPprofExporter(id, settings, deps)],
]);

/** Makes one exporter for each signal, each with a queue of its own; those of one file share it. */
export class ExporterFactory {
  readonly #deps: (id: string) => ExporterDeps;
  readonly #files = new Map<string, ReturnType<typeof createFileExporters>>();

  constructor(deps: (id: string) => ExporterDeps) {
    this.#deps = deps;
  }

  /** @throws ComponentMissingError for a type that only the catalog knows */
  async traces(component: ComponentConfig): Promise<TraceExporter> {
    const { id, type, settings } = component;
    if (type === "file") return this.#file(component).traces;
    return await find(TRACES, type)(id, settings as Settings, this.#deps(id));
  }

  /** @throws ComponentMissingError for a type that only the catalog knows */
  async profiles(component: ComponentConfig): Promise<ProfileExporter> {
    const { id, type, settings } = component;
    if (type === "file") return this.#file(component).profiles;
    return await find(PROFILES, type)(id, settings as Settings, this.#deps(id));
  }

  #file({ id, settings }: ComponentConfig): ReturnType<typeof createFileExporters> {
    let file = this.#files.get(id);
    if (file === undefined) {
      file = createFileExporters(id, settings as FileSettings, this.#deps(id));
      this.#files.set(id, file);
    }
    return file;
  }
}

function find<Create>(creators: ReadonlyMap<string, Create>, type: string): Create {
  const create = creators.get(type);
  if (create === undefined) throw new ComponentMissingError("exporter", type);
  return create;
}
