/** `watch`: a line for each span that leaves the sockspan of this host, as it leaves. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Command, Option } from "commander";
import { CONTROL_FOLDER } from "../../ipc/control.ts";
import type { SpansAnswer } from "../../ipc/control-answers.ts";
import { askOne, runningIn } from "../../ipc/control-client.ts";
import { durationOption } from "../command-line/duration-option.ts";
import { endAtInterrupt } from "../command-line/interrupt.ts";
import { AWAY_MS } from "../command-line/running.ts";
import { NotRunningError } from "../error.ts";
import { SpanCursors } from "../live/span-cursor.ts";
import { isWatched, type WatchFilter, watchLine } from "../live/watch-lines.ts";

interface WatchOptions {
  readonly service: readonly string[];
  readonly status?: "ok" | "error";
  readonly minDuration?: string;
  readonly duration?: string;
  readonly format: "text" | "json";
}

const ASK_INTERVAL_MS = 250;

export function watchCommand(command: Command): void {
  command
    .option("--service <name>", "only of this service; may be given again", collect, [])
    .addOption(new Option("--status <status>", "only of these").choices(["ok", "error"]))
    .option("--min-duration <time>", "only of what took as long: 100ms")
    .option("--duration <time>", "end by itself: 10s, 5m; else at Ctrl-C")
    .addOption(new Option("--format <format>", "of the lines").choices(["text", "json"]).default("text"))
    .action(watch);
}

async function watch(options: WatchOptions): Promise<void> {
  const filter: WatchFilter = {
    services: options.service,
    status: options.status,
    minDurationMs: options.minDuration === undefined ? 0 : durationOption("--min-duration", options.minDuration),
  };
  const endMs =
    options.duration === undefined ? Number.POSITIVE_INFINITY : durationOption("--duration", options.duration);
  endAtInterrupt();
  const cursors = new SpanCursors();
  const startMs = performance.now();
  let answeredMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    const answers = await ask(cursors);
    const nowMs = performance.now();
    if (answers.length > 0) answeredMs = nowMs;
    else if (nowMs - answeredMs > AWAY_MS) throw new NotRunningError();
    for (const { spans, missed } of answers) {
      const wanted = spans.filter((span) => isWatched(span, filter));
      const lines = wanted.map((span) => (options.format === "json" ? `${JSON.stringify(span)}\n` : watchLine(span)));
      if (lines.length > 0) process.stdout.write(lines.join(""));
      if (missed > 0) process.stderr.write(`${missed} spans came faster than they could be shown\n`);
    }
    if (nowMs - startMs >= endMs) return;
    await sleep(Math.min(ASK_INTERVAL_MS, startMs + endMs - nowMs));
  }
}

async function ask(cursors: SpanCursors): Promise<readonly SpansAnswer[]> {
  const asked = runningIn(CONTROL_FOLDER).map(async (path) => {
    const after = cursors.after(path);
    const answer = await askOne(path, { ask: "spans", ...(after === undefined ? {} : { after }) });
    if (isSpansAnswer(answer)) return [cursors.answered(path, answer)];
    cursors.gone(path);
    return [];
  });
  return (await Promise.all(asked)).flat();
}

function isSpansAnswer(answer: unknown): answer is SpansAnswer {
  return typeof answer === "object" && answer !== null && "spans" in answer;
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
