/** `replay`: captures and recordings to spans. Needs neither root nor a kernel that traces. */
import { type Command, Option } from "commander";
import { escapeText } from "../../escape.ts";
import type { StageAccount } from "../../mapping/account.ts";
import { CaptureUnreadableError, UnknownCaptureFormatError } from "../../receiver/replay/error.ts";
import { Replay } from "../../receiver/replay/replay.ts";
import { openReplayEngine, type ReplaySettings } from "../../receiver/replay/replay-engine.ts";
import { socketTraceOf } from "../captures-of.ts";
import { addConfigOptions, type ConfigOptions } from "../command-line/command.ts";
import { ExitCode, formatError } from "../command-line/exit-code.ts";
import { engineSettings } from "../engine-settings.ts";
import { SpanWriter, type SpanWriterOptions } from "./span-writer.ts";

const USUAL_SETTINGS: ReplaySettings = {
  describe: { requestHeaders: [], responseHeaders: [], urlQueryParameters: [] },
  settleNs: 5e9,
};

type ReplayCommandOptions = ConfigOptions & SpanWriterOptions;

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
  const accounts: StageAccount[] = [];
  const settings = await settingsOf(options);
  const writer = new SpanWriter(options);
  const run = new Replay({
    openTarget: (timeline) =>
      openReplayEngine(timeline, {
        ...settings,
        spans: (spans) => writer.write(spans),
        accounts: (added) => accounts.push(...added),
      }),
    problem: (path, problem) => failed(`${escapeText(path)}: ${formatError(problem)}`),
    spans: (spans) => writer.write(spans),
    accounts: (added) => accounts.push(...added),
    progress: () => writer.drained(),
  });
  try {
    for (const file of files) {
      try {
        await run.file(file);
      } catch (error) {
        // One file that is none keeps nobody from the others.
        if (!(error instanceof UnknownCaptureFormatError || error instanceof CaptureUnreadableError)) throw error;
        failed(formatError(error));
      }
    }
  } finally {
    run.end();
    await writer.close();
    process.stderr.write(summary([...run.accounts, ...accounts], writer.count));
  }
}

function failed(message: string): void {
  process.stderr.write(message);
  process.exitCode = ExitCode.failed;
}

async function settingsOf(options: ConfigOptions): Promise<ReplaySettings> {
  if (options.config.length === 0 && options.set.length === 0) return USUAL_SETTINGS;
  // Loads every component there is: not for the usual call.
  const { loadCommandConfig } = await import("../command-line/load-command-config.ts");
  const config = socketTraceOf(loadCommandConfig(options).config);
  return config === undefined ? USUAL_SETTINGS : engineSettings(config);
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
