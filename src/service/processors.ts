/** Processors by type. */
import type { ComponentConfig } from "./config/config.ts";
import { ComponentMissingError } from "./error.ts";
import { BatchProcessor, type BatchSettings } from "./processor/batch.ts";
import { FilterProcessor, type FilterSettings } from "./processor/filter.ts";
import { MemoryLimiter, type MemoryLimiterSettings } from "./processor/memory-limiter.ts";
import type { Processor } from "./processor/processor.ts";
import { RedactionProcessor, type RedactionSettings } from "./processor/redaction.ts";

/** @throws ComponentMissingError for a type that only the catalog knows */
export function createProcessor({ id, type, settings }: ComponentConfig): Processor {
  switch (type) {
    case "batch":
      return new BatchProcessor(id, settings as BatchSettings);
    case "filter":
      return new FilterProcessor(id, settings as FilterSettings);
    case "memory_limiter":
      return new MemoryLimiter(id, settings as MemoryLimiterSettings, {
        residentBytes: () => process.memoryUsage.rss(),
        nowMs: () => performance.now(),
      });
    case "redaction":
      return new RedactionProcessor(id, settings as RedactionSettings);
    default:
      throw new ComponentMissingError("processor", type);
  }
}
