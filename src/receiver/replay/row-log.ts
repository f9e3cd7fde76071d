/** What a DeepFlow agent without a server writes as `l7_flow_log`: one JSON row per line, joined to spans. */
import type { StageAccount } from "../../mapping/account.ts";
import type { Span } from "../../mapping/span.ts";
import { RowJoiner } from "../../mapping/trident/rows/row-joiner.ts";
import { parseRowJson } from "../../mapping/trident/rows/row-json.ts";
import { ResourceTable } from "../trident/resources.ts";
import type { CaptureDecoder } from "./capture.ts";
import { CaptureDamagedError, type CaptureProblem } from "./error.ts";
import { LineSplitter } from "./line-splitter.ts";

/** An agent writes a session when it ends, so what it was part of may come a while later. */
const SETTLE_NS = 120e9;
const MAX_ROWS = 200_000;
const ADVANCE_EVERY_ROWS = 256;

interface RowLogOptions {
  spans(spans: readonly Span[]): void;
  problem(problem: CaptureProblem): void;
  accounts(accounts: readonly StageAccount[]): void;
}

export function isRowLog(text: string): boolean {
  const line = text.slice(0, text.includes("\n") ? text.indexOf("\n") : undefined);
  return /^\s*\{"/.test(line) && line.includes('"start_time"') && /"(?:tap_side|l7_protocol)"/.test(line);
}

export class RowLogDecoder implements CaptureDecoder {
  readonly #options: RowLogOptions;
  readonly #lines: LineSplitter;
  readonly #joiner: RowJoiner;
  #firstNs: bigint | undefined;
  #latestNs = 0;
  #rows = 0;
  #isStopped = false;

  constructor(options: RowLogOptions) {
    this.#options = options;
    const resources = new ResourceTable(() => undefined);
    const resourceOf = resources.of.bind(resources);
    this.#joiner = new RowJoiner({ settleNs: SETTLE_NS, maxRows: MAX_ROWS, resourceOf }, (spans) =>
      options.spans(spans),
    );
    this.#lines = new LineSplitter((line, offset) => this.#line(line, offset));
    options.accounts([this.#joiner.account]);
  }

  push(chunk: Uint8Array): void {
    if (!this.#isStopped && !this.#lines.push(chunk)) this.#stop(0, "a line is too long");
  }

  end(): void {
    const last = this.#lines.end();
    if (last !== undefined && !this.#isStopped) this.#line(last.rest, last.offset);
    this.#joiner.flush();
  }

  #line(line: string, offset: number): void {
    if (this.#isStopped || line.trim() === "") return;
    const row = parseRowJson(line);
    if (row === undefined) {
      this.#stop(offset, "the line is no row");
      return;
    }
    this.#firstNs ??= row.endTimeNs;
    this.#latestNs = Math.max(this.#latestNs, Number(row.endTimeNs - this.#firstNs));
    this.#joiner.add(row, 65_536 + row.agentId, this.#latestNs);
    if (++this.#rows % ADVANCE_EVERY_ROWS === 0) this.#joiner.advance(this.#latestNs);
  }

  #stop(offset: number, what: string): void {
    this.#isStopped = true;
    this.#options.problem(new CaptureDamagedError(offset, what));
  }
}
