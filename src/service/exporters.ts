/** Exporters by type; the code of one is loaded when the configuration has it. */
import type { ExporterDeps, ProfileExporter, TraceExporter } from "../exporter/exporter.ts";
import type { createFileExporters } from "../exporter/file/file.ts";
import type { ComponentConfig } from "./config/config.ts";
import { ComponentMissingError } from "./error.ts";

type Settings = never;
type Create<Made> = (id: string, settings: Settings, deps: ExporterDeps) => Made | Promise<Made>;
type FileExporters = ReturnType<typeof createFileExporters>;
type Load<Made> = () => Promise<Create<Made>>;

const TRACES: ReadonlyMap<string, Load<TraceExporter>> = new Map<string, Load<TraceExporter>>([
  ["debug", async () => (await import("../exporter/debug/debug.ts")).createDebugExporter],
  ["deepflow", async () => (await import("../exporter/deepflow/deepflow.ts")).createDeepflowExporter],
  ["kafka", async () => (await import("../exporter/kafka/kafka.ts")).createKafkaExporter],
  ["otlp_grpc", async () => (await import("../exporter/otlp/otlp-grpc.ts")).createOtlpGrpcExporter],
  ["otlp_http", async () => (await import("../exporter/otlp/otlp-http.ts")).createOtlpHttpExporter],
]);

const PROFILES: ReadonlyMap<string, Load<ProfileExporter>> = new Map<string, Load<ProfileExporter>>([
  ["debug", async () => (await import("../exporter/debug/debug.ts")).createDebugProfileExporter],
  ["deepflow", async () => (await import("../exporter/deepflow/deepflow.ts")).createDeepflowProfileExporter],
  ["kafka", async () => (await import("../exporter/kafka/kafka.ts")).createKafkaProfileExporter],
  ["otlp_grpc", async () => (await import("../exporter/otlp/otlp-grpc.ts")).createOtlpGrpcProfileExporter],
  ["otlp_http", async () => (await import("../exporter/otlp/otlp-http.ts")).createOtlpHttpProfileExporter],
  ["pprof", async () => (await import("../exporter/pprof/pprof.ts")).createPprofExporter],
]);

/** Makes one exporter for each signal, each with a queue of its own; those of one file share it. */
export class ExporterFactory {
  readonly #deps: (id: string) => ExporterDeps;
  readonly #files = new Map<string, Promise<FileExporters>>();

  constructor(deps: (id: string) => ExporterDeps) {
    this.#deps = deps;
  }

  /** @throws ComponentMissingError for a type that only the catalog knows */
  async traces(component: ComponentConfig): Promise<TraceExporter> {
    const { id, type, settings } = component;
    if (type === "file") return (await this.#file(component)).traces;
    const create = await find(TRACES, type)();
    return await create(id, settings as Settings, this.#deps(id));
  }

  /** @throws ComponentMissingError for a type that only the catalog knows */
  async profiles(component: ComponentConfig): Promise<ProfileExporter> {
    const { id, type, settings } = component;
    if (type === "file") return (await this.#file(component)).profiles;
    const create = await find(PROFILES, type)();
    return await create(id, settings as Settings, this.#deps(id));
  }

  #file({ id, settings }: ComponentConfig): Promise<FileExporters> {
    let file = this.#files.get(id);
    if (file === undefined) {
      file = import("../exporter/file/file.ts").then((each) =>
        each.createFileExporters(id, settings as Settings, this.#deps(id)),
      );
      this.#files.set(id, file);
    }
    return file;
  }
}

function find<Made>(loaders: ReadonlyMap<string, Load<Made>>, type: string): Load<Made> {
  const load = loaders.get(type);
  if (load === undefined) throw new ComponentMissingError("exporter", type);
  return load;
}
