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
    processors.forEach((processor, index) => {
      processor.connect?.((spans) => this.#pass(spans, index + 1));
    });
  }

  consume(spans: readonly Span[]): void {
    this.#pass(spans, 0);
  }

  /** In order: what the first one held passes through the others. */
  flush(): void {
    for (const processor of this.#processors) processor.flush?.();
  }

  #pass(spans: readonly Span[], from: number): void {
    let current = spans;
    for (const processor of this.#processors.slice(from)) {
      if (current.length === 0) return;
      current = processor.process(current);
    }
    if (current.length === 0) return;
    for (const consumer of this.#consumers) consumer.consume(current);
  }
}
