import { z } from "zod";
import { StageAccount } from "../mapping/account.ts";
import type { Span } from "../mapping/span.ts";
import { detailedLines } from "./debug/detailed-lines.ts";
import { noPaint, type Paint, terminalPaint } from "./debug/paint.ts";
import { traceLines } from "./debug/trace-lines.ts";
import type { ExporterDeps, TraceExporter } from "./exporter.ts";

/** The Collector's debug exporter, for people: its lines are data, so they go to stdout. */
export const debugSettings = z.strictObject({
  verbosity: z.enum(["basic", "normal", "detailed"]).default("basic"),
  /** Nobody reads more, and a terminal that can't follow would hold up the program. 0: no limit. */
  max_lines_per_second: z.number().int().nonnegative().default(500),
});

export type DebugSettings = z.output<typeof debugSettings>;

export function createDebugExporter(id: string, settings: DebugSettings, deps: ExporterDeps): TraceExporter {
  return new DebugExporter(id, settings, deps);
}

class DebugExporter implements TraceExporter {
  readonly id: string;
  readonly account: StageAccount;
  readonly #settings: DebugSettings;
  readonly #deps: ExporterDeps;
  readonly #paint: Paint;
  #secondStartedMs = Number.NEGATIVE_INFINITY;
  #linesThisSecond = 0;
  #spansLeftOut = 0;

  constructor(id: string, settings: DebugSettings, deps: ExporterDeps) {
    this.id = id;
    this.account = new StageAccount(`exporter/${id}`, "spans");
    this.#settings = settings;
    this.#deps = deps;
    // https://no-color.org
    const isPainted = deps.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === "";
    this.#paint = isPainted ? terminalPaint : noPaint;
  }

  async start(): Promise<void> {}

  consume(spans: readonly Span[]): void {
    if (spans.length === 0) return;
    this.account.addIn(spans.length);
    if (!this.#mayWrite()) {
      this.account.addConsumed("not_shown", spans.length);
      this.#spansLeftOut += spans.length;
      return;
    }
    const lines = [...this.#lines(spans)];
    this.#linesThisSecond += lines.length;
    this.#deps.stdout.write(`${lines.join("\n")}\n`);
    this.account.addOut(spans.length);
  }

  async shutdown(): Promise<void> {
    this.#sayWhatWasLeftOut();
  }

  #lines(spans: readonly Span[]): Iterable<string> {
    switch (this.#settings.verbosity) {
      case "basic": {
        const resources = new Set(spans.map((span) => span.resource)).size;
        return [`traces  resource spans: ${resources}  spans: ${spans.length}`];
      }
      case "normal":
        return traceLines(spans, this.#paint);
      case "detailed":
        return detailedLines(spans);
    }
  }

  /** Traces are shown whole or not at all. */
  #mayWrite(): boolean {
    const { max_lines_per_second } = this.#settings;
    const nowMs = this.#deps.now();
    if (nowMs - this.#secondStartedMs >= 1_000) {
      this.#sayWhatWasLeftOut();
      this.#secondStartedMs = nowMs;
      this.#linesThisSecond = 0;
    }
    return max_lines_per_second === 0 || this.#linesThisSecond < max_lines_per_second;
  }

  #sayWhatWasLeftOut(): void {
    if (this.#spansLeftOut === 0) return;
    this.#deps.stdout.write(this.#paint.dim(`… ${this.#spansLeftOut} more spans, not shown`).concat("\n"));
    this.#spansLeftOut = 0;
  }
}
