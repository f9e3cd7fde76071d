/** `replay`: captures and recordings to spans. Needs neither root nor a kernel that traces. */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { type Command, Option } from "commander";
import { escapeText } from "../../escape.ts";
import type { SocketTraceConfig } from "../../ipc/socket-trace-config.ts";
import type { StageAccount } from "../../mapping/account.ts";
import { traceRequestJson } from "../../mapping/otlp/trace-json.ts";
import type { DescribeOptions } from "../../mapping/protocols/protocol.ts";
import { PROTOCOLS, withHttpRpc } from "../../mapping/protocols/registry.ts";
import type { Span } from "../../mapping/span.ts";
import { Replay } from "../../receiver/replay/replay.ts";
import { openReplayEngine, type ReplayEngineOptions } from "../../receiver/replay/replay-engine.ts";
import { socketTraceOf } from "../captures-of.ts";
import { addConfigOptions, type ConfigOptions } from "../command.ts";
import { ExitCode, formatError } from "../exit-code.ts";
import { tableHead, tableRow } from "./replay-table.ts";

interface ReplayCommandOptions extends ConfigOptions {
  readonly output?: string;
  readonly format: "otlp-json" | "text";
}

/** Spans of one output line, and lines that wait for a slow reader. */
const SPANS_PER_LINE = 256;
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

export function replayCommand(command: Command): void {
  command
    .argument("<file...>", "pcap, pcapng, recordings, DeepFlow eBPF data dumps and l7_flow_log; gzipped or not")
    .option("-o, --output <file>", "write there instead of to stdout")
    .addOption(new Option("--format <format>", "of the output").choices(["otlp-json", "text"]).default("otlp-json"));
  addConfigOptions(command).action(async (files: readonly string[], options: ReplayCommandOptions) => {
    await replay(files, options);
  });
}

async function replay(files: readonly string[], options: ReplayCommandOptions): Promise<void> {
  const writer = new SpanWriter(options);
  const accounts: StageAccount[] = [];
  const settings = await engineSettings(options);
  const run = new Replay({
    openTarget: (timeline) =>
      openReplayEngine(timeline, {
        ...settings,
        settleNs: 5e9,
        spans: (spans) => writer.write(spans),
        accounts: (added) => accounts.push(...added),
      }),
    problem: (path, problem) => {
      process.stderr.write(`${escapeText(path)}: ${formatError(problem)}`);
      process.exitCode = ExitCode.failed;
    },
    spans: (spans) => writer.write(spans),
    accounts: (added) => accounts.push(...added),
    progress: () => writer.drained(),
  });
  try {
    for (const file of files) await run.file(file);
  } finally {
    run.end();
    await writer.close();
    process.stderr.write(summary([...run.accounts, ...accounts], writer.count));
  }
}

type EngineSettings = Pick<ReplayEngineOptions, "describe" | "protocols" | "tellsUnknownConnections">;

async function engineSettings(options: ConfigOptions): Promise<EngineSettings> {
  const none: DescribeOptions = { requestHeaders: [], responseHeaders: [], urlQueryParameters: [] };
  if (options.config.length === 0 && options.set.length === 0) return { describe: none };
  // Loads every component there is: not for the usual call.
  const { loadCommandConfig } = await import("../load-command-config.ts");
  const settings = socketTraceOf(loadCommandConfig(options).config) as Partial<SocketTraceConfig> | undefined;
  return {
    describe: {
      requestHeaders: settings?.request_headers ?? [],
      responseHeaders: settings?.response_headers ?? [],
      urlQueryParameters: settings?.url_query_parameters ?? [],
    },
    ...(settings?.http_rpc ? { protocols: withHttpRpc(PROTOCOLS) } : {}),
    tellsUnknownConnections: settings?.unknown_connections ?? false,
  };
}

class SpanWriter {
  readonly #out: Writable;
  readonly #isText: boolean;
  readonly #isFile: boolean;
  #waiting: Span[] = [];
  count = 0;

  constructor(options: ReplayCommandOptions) {
    this.#isFile = options.output !== undefined && options.output !== "-";
    this.#out = this.#isFile ? createWriteStream(options.output!) : process.stdout;
    this.#out.on("error", () => {
      process.exitCode = ExitCode.failed;
    });
    this.#isText = options.format === "text";
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

  /** The files are read no faster than the output is taken. */
  async drained(): Promise<void> {
    if (this.#out.writableLength > MAX_WAITING_BYTES) await once(this.#out, "drain");
  }

  async close(): Promise<void> {
    this.#flush();
    if (!this.#isFile) return;
    this.#out.end();
    await finished(this.#out);
  }

  #flush(): void {
    if (this.#waiting.length === 0) return;
    this.#out.write(`${traceRequestJson(this.#waiting)}\n`);
    this.#waiting = [];
  }
}

/** One line on stderr: what came in, what came out, what was lost and why. */
function summary(accounts: readonly StageAccount[], spans: number): string {
  const lost = new Map<string, number>();
  let packets = 0;
  for (const account of accounts) {
    if (account.stage === "replay_packets") packets += account.in;
    for (const [reason, count] of account.lost) {
      const key = `${account.unit} lost (${reason})`;
      lost.set(key, (lost.get(key) ?? 0) + count);
    }
  }
  const parts = [`${spans} spans`, ...(packets > 0 ? [`${packets} packets`] : [])];
  for (const [reason, count] of lost) parts.push(`${count} ${reason}`);
  return `replay: ${parts.join(", ")}\n`;
}
