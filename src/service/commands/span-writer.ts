/** Where `replay` writes spans: a file, or stdout. */
import { once } from "node:events";
import { createWriteStream, openSync } from "node:fs";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { traceRequestJson } from "../../mapping/otlp/trace-json.ts";
import type { Span } from "../../mapping/span.ts";
import { ReplayOutputError } from "../error.ts";
import { tableHead, tableRow } from "./replay-table.ts";

export interface SpanWriterOptions {
  /** A path; `-` or nothing: stdout. */
  readonly output?: string;
  readonly format: "otlp-json" | "text";
}

/** Spans of one output line, and lines that wait for a slow reader. */
const SPANS_PER_LINE = 256;
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

export class SpanWriter {
  readonly #out: Writable;
  readonly #isText: boolean;
  readonly #isFile: boolean;
  readonly #path: string;
  #failure: Error | undefined;
  #waiting: Span[] = [];
  count = 0;

  /** @throws ReplayOutputError */
  constructor({ output = "-", format }: SpanWriterOptions) {
    this.#isFile = output !== "-";
    this.#path = output;
    this.#out = this.#isFile ? openOutput(output) : process.stdout;
    // Of stdout main hears too, and ends the program.
    this.#out.on("error", (error) => {
      this.#failure ??= error;
    });
    this.#isText = format === "text";
    if (this.#isText) this.#out.write(tableHead());
  }

  write(spans: readonly Span[]): void {
    this.count += spans.length;
    if (this.#isText) {
      this.#out.write(spans.map(tableRow).join(""));
      return;
    }
    this.#waiting.push(...spans);
    if (this.#waiting.length >= SPANS_PER_LINE) this.#flush();
  }

  /** The files are read no faster than the output is taken. @throws ReplayOutputError: there is no use in reading on */
  async drained(): Promise<void> {
    this.#check();
    if (this.#out.writableLength <= MAX_WAITING_BYTES) return;
    // Rejects with what ends the stream: a drain that never comes is not waited for.
    await once(this.#out, "drain").catch(() => this.#check());
  }

  /** @throws ReplayOutputError */
  async close(): Promise<void> {
    this.#flush();
    if (this.#isFile) {
      this.#out.end();
      await finished(this.#out).catch((error: Error) => {
        this.#failure ??= error;
      });
    }
    this.#check();
  }

  #check(): void {
    if (this.#failure !== undefined) throw new ReplayOutputError(this.#path, this.#failure);
  }

  #flush(): void {
    if (this.#waiting.length === 0) return;
    this.#out.write(`${traceRequestJson(this.#waiting)}\n`);
    this.#waiting = [];
  }
}

function openOutput(path: string): Writable {
  try {
    return createWriteStream(path, { fd: openSync(path, "w") });
  } catch (error) {
    throw new ReplayOutputError(path, error);
  }
}
