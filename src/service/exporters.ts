/** Exporters by type. */

import { createDebugProfileExporter } from "../exporter/debug/profiles.ts";
import { createDebugExporter, type DebugSettings } from "../exporter/debug.ts";
import { createDeepflowExporter } from "../exporter/deepflow/deepflow.ts";
import type { DeepflowSettings } from "../exporter/deepflow/settings.ts";
import type { ExporterDeps, ProfileExporter, TraceExporter } from "../exporter/exporter.ts";
import { createFileExporter, type FileSettings } from "../exporter/file.ts";
import { createOtlpGrpcExporter, type OtlpGrpcSettings } from "../exporter/otlp-grpc.ts";
import { createOtlpHttpExporter, type OtlpHttpSettings } from "../exporter/otlp-http.ts";
import type { ComponentConfig } from "./config/config.ts";
import { ComponentMissingError } from "./error.ts";

type Create = (id: string, settings: never, deps: ExporterDeps) => TraceExporter | Promise<TraceExporter>;

const CREATE: ReadonlyMap<string, Create> = new Map<string, Create>([
  ["debug", (id, settings: DebugSettings, deps) => createDebugExporter(id, settings, deps)],
  ["deepflow", (id, settings: DeepflowSettings, deps) => createDeepflowExporter(id, settings, deps)],
  ["file", (id, settings: FileSettings, deps) => createFileExporter(id, settings, deps)],
  ["otlp_grpc", (id, settings: OtlpGrpcSettings, deps) => createOtlpGrpcExporter(id, settings, deps)],
  ["otlp_http", (id, settings: OtlpHttpSettings, deps) => createOtlpHttpExporter(id, settings, deps)],
]);

/** @throws ComponentMissingError for a type that only the catalog knows */
export async function createExporter(
  { id, type, settings }: ComponentConfig,
  deps: ExporterDeps,
): Promise<TraceExporter> {
  const create = CREATE.get(type);
  if (create === undefined) throw new ComponentMissingError("exporter", type);
  return create(id, settings as never, deps);
}

type CreateProfiles = (id: string, settings: never, deps: ExporterDeps) => ProfileExporter | Promise<ProfileExporter>;

const CREATE_PROFILES: ReadonlyMap<string, CreateProfiles> = new Map<string, CreateProfiles>([
  ["debug", (id, settings: DebugSettings, deps) => createDebugProfileExporter(id, settings, deps)],
]);

/** @throws ComponentMissingError for a type that only the catalog knows */
export async function createProfileExporter(
  { id, type, settings }: ComponentConfig,
  deps: ExporterDeps,
): Promise<ProfileExporter> {
  const create = CREATE_PROFILES.get(type);
  if (create === undefined) throw new ComponentMissingError("exporter", type);
  return create(id, settings as never, deps);
}
