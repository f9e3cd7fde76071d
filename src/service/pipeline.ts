/** One pipeline: what receivers give goes through the processors to each exporter. */
import type { Span } from "../mapping/span.ts";
import type { Processor } from "./processor/processor.ts";

/** Takes spans and answers for them. */
export interface SpanConsumer {
  consume(spans: readonly Span[]): void;
}

export class TracePipeline implements SpanConsumer {
  readonly id: string;
  readonly #processors: readonly Processor[];
  readonly #consumers: readonly SpanConsumer[];

  constructor(id: string, processors: readonly Processor[], exporters: readonly SpanConsumer[]) {
    this.id = id;
    this.#processors = processors;
    this.#consumers = exporters;
  }

  consume(spans: readonly Span[]): void {
    let current = spans;
    for (const processor of this.#processors) {
      if (current.length === 0) return;
      current = processor.process(current);
    }
    if (current.length === 0) return;
    for (const consumer of this.#consumers) consumer.consume(current);
  }
}
