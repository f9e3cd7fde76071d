/** `stat`: what each service does and what sockspan itself costs and loses, a block of lines for each interval. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Command, Option } from "commander";
import { formatTime } from "../../exporter/debug/times.ts";
import type { StatAnswer } from "../../ipc/control-answers.ts";
import { durationOption } from "../command-line/duration-option.ts";
import { endAtInterrupt } from "../command-line/interrupt.ts";
import { AWAY_MS, answersOf } from "../command-line/running.ts";
import { NotRunningError, UsageError } from "../error.ts";
import { statHead, statLine, statRows } from "../live/stat-rows.ts";

interface StatOptions {
  readonly interval: string;
  readonly count?: string;
  readonly format: "text" | "json";
}

/** On a terminal the titles would scroll away. */
const LINES_PER_HEAD = 20;

export function statCommand(command: Command): void {
  command
    .option("--interval <time>", "of each block: 500ms, 10s", "1s")
    .option("--count <number>", "end after so many blocks; else at Ctrl-C")
    .addOption(new Option("--format <format>", "of the lines").choices(["text", "json"]).default("text"))
    .action(stat);
}

async function stat(options: StatOptions): Promise<void> {
  const intervalMs = durationOption("--interval", options.interval, { example: '"1s" or "500ms"', allowsZero: false });
  const count = countOf(options.count);
  endAtInterrupt();
  let before = byPid(await answersOf<StatAnswer>({ ask: "stat" }));
  let linesBelowHead = LINES_PER_HEAD;
  let answeredMs = performance.now();
  for (let blocks = 0; blocks < count; ) {
    await sleep(intervalMs);
    const after = byPid(await answersWhileAway(answeredMs));
    if (after.size > 0) answeredMs = performance.now();
    const rows = [...after].flatMap(([pid, answer]) => {
      const earlier = before.get(pid);
      return (earlier === undefined ? undefined : statRows(earlier, answer)) ?? [];
    });
    before = after;
    if (rows.length === 0) continue;
    blocks += 1;
    const nowMs = Date.now();
    if (options.format === "json") {
      process.stdout.write(rows.map((row) => `${JSON.stringify({ timeUnixMs: nowMs, ...row })}\n`).join(""));
      continue;
    }
    const time = formatTime(BigInt(nowMs) * 1_000_000n).slice(0, 8);
    const head = linesBelowHead >= LINES_PER_HEAD ? statHead() : "";
    linesBelowHead = head === "" ? linesBelowHead + rows.length : rows.length;
    process.stdout.write(head + rows.map((row) => statLine(row, time)).join(""));
  }
}

/** While it reloads nobody answers. */
async function answersWhileAway(answeredMs: number): Promise<readonly StatAnswer[]> {
  try {
    return await answersOf<StatAnswer>({ ask: "stat" });
  } catch (error) {
    if (error instanceof NotRunningError && performance.now() - answeredMs < AWAY_MS) return [];
    throw error;
  }
}

function byPid(answers: readonly StatAnswer[]): Map<number, StatAnswer> {
  return new Map(answers.map((answer) => [answer.pid, answer]));
}

function countOf(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new UsageError(`--count ${text} is no number of blocks`, "Give a whole number from 1 on.");
}
