/** A configuration that was checked: what the service is built from. */
import type { ListenAddress } from "../../config-value.ts";
import type { Signal } from "../component-id.ts";
import type { LogEncoding, LogLevel } from "../log.ts";

export interface ComponentConfig {
  /** As written: `otlp_grpc/backup`. */
  readonly id: string;
  /** After aliases: `otlp_grpc`. */
  readonly type: string;
  /** What the component's schema made of it. */
  readonly settings: unknown;
}

export interface PipelineConfig {
  /** `traces`, `traces/2`. */
  readonly id: string;
  readonly signal: Signal;
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
}

export interface TelemetryConfig {
  readonly logs: { readonly level: LogLevel; readonly encoding: LogEncoding };
  /** undefined: no metrics. */
  readonly metrics: { readonly address: ListenAddress; readonly isDefaultAddress: boolean } | undefined;
  /** Attributes of our own telemetry's resource. */
  readonly resource: Readonly<Record<string, string>>;
}

export interface Config {
  readonly receivers: ReadonlyMap<string, ComponentConfig>;
  readonly processors: ReadonlyMap<string, ComponentConfig>;
  readonly exporters: ReadonlyMap<string, ComponentConfig>;
  readonly extensions: ReadonlyMap<string, ComponentConfig>;
  readonly pipelines: readonly PipelineConfig[];
  /** Ids, in the order of their start. */
  readonly enabledExtensions: readonly string[];
  readonly telemetry: TelemetryConfig;
  /** What was given, merged and expanded: plain data, with secrets. */
  readonly source: unknown;
}
