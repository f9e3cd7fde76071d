/** The spans that sockspan has written to its file so far, by the prefix of the run that they belong to. */
import { closeSync, openSync, readSync } from "node:fs";
import { type JsonSpan, type TruthSpan, truthSpan } from "./truth-span.ts";

const CHUNK_BYTES = 1 << 20;

export class SpanLog {
  readonly #descriptor: number;
  readonly #byPrefix = new Map<string, TruthSpan[]>();
  readonly #chunk = Buffer.alloc(CHUNK_BYTES);
  #position = 0;
  #rest = Buffer.alloc(0);

  constructor(file: string) {
    this.#descriptor = openSync(file, "r");
  }

  /** @param prefix `t<number>r`, as every run has its own */
  spansOf(prefix: string): readonly TruthSpan[] {
    return this.#byPrefix.get(prefix) ?? [];
  }

  /** Reads what has been added; a line that is not finished waits. */
  read(): void {
    for (;;) {
      const length = readSync(this.#descriptor, this.#chunk, 0, CHUNK_BYTES, this.#position);
      if (length === 0) return;
      this.#position += length;
      const bytes = Buffer.concat([this.#rest, this.#chunk.subarray(0, length)]);
      const end = bytes.lastIndexOf(0x0a) + 1;
      this.#rest = Buffer.from(bytes.subarray(end));
      for (const line of bytes.toString("utf8", 0, end).split("\n")) if (line !== "") this.#add(line);
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #add(line: string): void {
    for (const resource of JSON.parse(line).resourceSpans)
      for (const scope of resource.scopeSpans)
        for (const span of scope.spans as JsonSpan[]) {
          const kept = truthSpan(span);
          const prefix = /^t\d+r/.exec(kept?.id ?? "")?.[0];
          if (kept === undefined || prefix === undefined) continue;
          const list = this.#byPrefix.get(prefix);
          if (list === undefined) this.#byPrefix.set(prefix, [kept]);
          else list.push(kept);
        }
  }
}
