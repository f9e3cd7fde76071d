/** Every component of this build: one line each. */

import { debugSettings } from "../exporter/debug/settings.ts";
import { deepflowSettings } from "../exporter/deepflow/settings.ts";
import { fileSettings } from "../exporter/file/settings.ts";
import { kafkaSettings } from "../exporter/kafka/settings.ts";
import { otlpGrpcSettings } from "../exporter/otlp/otlp-grpc-settings.ts";
import { otlpHttpSettings } from "../exporter/otlp/otlp-http-settings.ts";
import { pprofSettings } from "../exporter/pprof/settings.ts";
import { fileStorageSettings } from "../extension/file-storage/settings.ts";
import { healthCheckSettings } from "../extension/health-check.ts";
import { tridentAgentSettings } from "../extension/trident/settings.ts";
import { zpagesSettings } from "../extension/zpages/settings.ts";
import { profileConfig } from "../ipc/profile-config.ts";
import { socketTraceConfig } from "../ipc/socket-trace-config.ts";
import { tridentReceiverSettings } from "../receiver/trident/settings.ts";
import { ComponentCatalog, type ComponentType } from "./component-type.ts";
import { batchSettings } from "./processor/batch.ts";
import { filterSettings } from "./processor/filter.ts";
import { memoryLimiterSettings } from "./processor/memory-limiter.ts";
import { redactionSettings } from "./processor/redaction.ts";

const traces = { aliases: [], signals: ["traces"], stability: "beta" } as const;
const profiles = { aliases: [], signals: ["profiles"], stability: "alpha" } as const;
const both = { aliases: [], signals: ["traces", "profiles"], stability: "beta" } as const;
const extension = { kind: "extensions", aliases: [], signals: [], stability: "beta" } as const;

const TYPES: readonly ComponentType[] = [
  { ...traces, kind: "receivers", type: "socket_trace", schema: socketTraceConfig },
  { ...profiles, kind: "receivers", type: "profile", schema: profileConfig },
  { ...both, kind: "receivers", type: "trident", schema: tridentReceiverSettings },
  { ...traces, kind: "processors", type: "batch", schema: batchSettings },
  { ...traces, kind: "processors", type: "filter", schema: filterSettings },
  { ...traces, kind: "processors", type: "memory_limiter", schema: memoryLimiterSettings },
  { ...traces, kind: "processors", type: "redaction", schema: redactionSettings },
  { ...both, kind: "exporters", type: "debug", schema: debugSettings },
  { ...both, kind: "exporters", type: "deepflow", schema: deepflowSettings },
  { ...both, kind: "exporters", type: "file", schema: fileSettings },
  { ...both, kind: "exporters", type: "kafka", schema: kafkaSettings },
  { ...both, kind: "exporters", type: "otlp_grpc", aliases: ["otlp"], schema: otlpGrpcSettings },
  { ...both, kind: "exporters", type: "otlp_http", aliases: ["otlphttp"], schema: otlpHttpSettings },
  { ...profiles, kind: "exporters", type: "pprof", schema: pprofSettings },
  { ...extension, type: "file_storage", schema: fileStorageSettings },
  { ...extension, type: "health_check", schema: healthCheckSettings },
  { ...extension, type: "trident", schema: tridentAgentSettings },
  { ...extension, type: "zpages", schema: zpagesSettings },
];

export const catalog = new ComponentCatalog(TYPES);
