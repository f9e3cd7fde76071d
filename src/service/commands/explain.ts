/** `explain`: why each span of a trace has the parent that it has; of what runs here, or of a recording. */
import type { Command } from "commander";
import { escapeText } from "../../escape.ts";
import { CONTROL_FOLDER } from "../../ipc/control.ts";
import { askRunning } from "../../ipc/control-client.ts";
import type { Explanation } from "../../mapping/explain/explanation.ts";
import { explanationLines } from "../../mapping/explain/explanation-lines.ts";
import { SpanNote } from "../../mapping/explain/span-note.ts";
import { Replay } from "../../receiver/replay/replay.ts";
import { openReplayEngine } from "../../receiver/replay/replay-engine.ts";
import { ExitCode, formatError } from "../command-line/exit-code.ts";
import { TraceUnknownError, UsageError } from "../error.ts";

interface ExplainOptions {
  readonly recording: readonly string[];
  readonly format: "text" | "json";
}

export function explainCommand(command: Command): void {
  command
    .argument("<trace id>", "32 hexadecimal digits")
    .option("--recording <file...>", "look there, instead of asking the sockspan that runs here (as root)", [])
    .option("--format <format>", "text or json", "text")
    .action(async (traceId: string, options: ExplainOptions) => {
      const id = traceId.toLowerCase();
      if (!/^[0-9a-f]{32}$/.test(id)) {
        throw new UsageError(`${traceId} is no trace id`, "Give the 32 hexadecimal digits of a trace");
      }
      const spans = options.recording.length > 0 ? await fromRecording(id, options.recording) : await fromRunning(id);
      if (spans.length === 0) throw new TraceUnknownError(id, options.recording.length > 0);
      const lines = options.format === "json" ? spans.map((span) => JSON.stringify(span)) : explanationLines(spans);
      process.stdout.write(lines.map((line) => `${options.format === "json" ? line : escapeText(line)}\n`).join(""));
    });
}

async function fromRunning(traceId: string): Promise<readonly Explanation[]> {
  const answers = await askRunning(CONTROL_FOLDER, { ask: "explain", traceId });
  return answers.flatMap((answer) => (Array.isArray(answer) ? (answer as Explanation[]) : []));
}

async function fromRecording(traceId: string, files: readonly string[]): Promise<readonly Explanation[]> {
  const found: Explanation[] = [];
  const note = new SpanNote();
  const nothing = (): void => {};
  const run = new Replay({
    openTarget: (timeline) =>
      openReplayEngine(timeline, {
        describe: { requestHeaders: [], responseHeaders: [], urlQueryParameters: [] },
        settleNs: 5e9,
        spans: nothing,
        accounts: nothing,
        left: (draft, span, clockOffsetNs) => {
          if (span.traceId !== traceId) return;
          note.take(draft, span, clockOffsetNs);
          found.push(note.explanation());
        },
      }),
    problem: (path, problem) => {
      process.stderr.write(`${escapeText(path)}: ${formatError(problem)}`);
      process.exitCode = ExitCode.failed;
    },
    spans: nothing,
    accounts: nothing,
    progress: async () => {},
  });
  try {
    for (const file of files) await run.file(file);
  } finally {
    run.end();
  }
  return found;
}
