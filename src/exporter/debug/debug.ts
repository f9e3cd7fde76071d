/** Exporter `debug`: spans and profiles as text for people, on stdout. */
import { StageAccount } from "../../mapping/account.ts";
import type { Profile } from "../../mapping/profile.ts";
import type { Span } from "../../mapping/span.ts";
import { DeliveryLog } from "../delivery-log.ts";
import type { Exporter, ExporterDeps, ProfileExporter, TraceExporter } from "../exporter.ts";
import { detailedLines } from "./detailed-lines.ts";
import { noPaint, type Paint, terminalPaint } from "./paint.ts";
import { detailedProfileLines, profileLines } from "./profile-lines.ts";
import type { DebugSettings } from "./settings.ts";
import { traceLines } from "./trace-lines.ts";

export function createDebugExporter(id: string, settings: DebugSettings, deps: ExporterDeps): TraceExporter {
  return new DebugExporter(id, "spans", settings, deps, (spans: readonly Span[], paint) => {
    switch (settings.verbosity) {
      case "basic": {
        const resources = new Set(spans.map((span) => span.resource)).size;
        return [`traces  resource spans: ${resources}  spans: ${spans.length}`];
      }
      case "normal":
        return traceLines(spans, paint);
      case "detailed":
        return detailedLines(spans);
    }
  });
}

export function createDebugProfileExporter(id: string, settings: DebugSettings, deps: ExporterDeps): ProfileExporter {
  return new DebugExporter(id, "profiles", settings, deps, (profiles: readonly Profile[], paint) => {
    switch (settings.verbosity) {
      case "basic": {
        const samples = profiles.reduce((sum, profile) => sum + profile.samples.length, 0);
        return [`profiles  resource profiles: ${profiles.length}  samples: ${samples}`];
      }
      case "normal":
        return profileLines(profiles, paint);
      case "detailed":
        return detailedProfileLines(profiles, paint);
    }
  });
}

class DebugExporter<Item> implements Exporter<Item> {
  readonly id: string;
  readonly account: StageAccount;
  readonly #settings: DebugSettings;
  readonly #deps: ExporterDeps;
  readonly #log: DeliveryLog;
  readonly #paint: Paint;
  readonly #lines: (items: readonly Item[], paint: Paint) => Iterable<string>;
  #secondStartedMs = Number.NEGATIVE_INFINITY;
  #linesThisSecond = 0;
  #leftOut = 0;

  constructor(
    id: string,
    unit: string,
    settings: DebugSettings,
    deps: ExporterDeps,
    lines: (items: readonly Item[], paint: Paint) => Iterable<string>,
  ) {
    this.id = id;
    this.account = new StageAccount(`exporter/${id}`, unit);
    this.#lines = lines;
    this.#settings = settings;
    this.#deps = deps;
    this.#log = new DeliveryLog(deps.log, deps.now, unit);
    // https://no-color.org
    const isPainted = deps.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === "";
    this.#paint = isPainted ? terminalPaint : noPaint;
  }

  async start(): Promise<void> {}

  consume(items: readonly Item[]): void {
    if (items.length === 0) return;
    this.account.addIn(items.length);
    if (!this.#mayWrite()) {
      this.account.addConsumed("not_shown", items.length);
      this.#leftOut += items.length;
      return;
    }
    const lines = [...this.#lines(items, this.#paint)];
    this.#linesThisSecond += lines.length;
    this.#deps.stdout.write(`${lines.join("\n")}\n`, (error) => this.#written(items.length, error));
  }

  async shutdown(): Promise<void> {
    this.#sayWhatWasLeftOut();
    this.#log.end();
  }

  #written(count: number, error: Error | null | undefined): void {
    if (error) {
      this.account.addLost("write_failed", count);
      this.#log.dropped("write_failed", count, error.message);
    } else this.account.addOut(count);
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
    if (this.#leftOut === 0) return;
    const text = this.#paint.dim(`… ${this.#leftOut} more ${this.account.unit}, not shown`);
    this.#deps.stdout.write(`${text}\n`, () => {});
    this.#leftOut = 0;
  }
}
