/** `bpf stats`: how often each program of what runs here runs, and what it costs, by the kernel's own count. */

import { setTimeout as sleep } from "node:timers/promises";
import { countProgramRuns } from "../broker/bpf-inventory.ts";
import { formatDurationMs } from "../config-value.ts";
import { programStats, statRows } from "../service/command-line/bpf-tables.ts";
import { durationOption } from "../service/command-line/duration-option.ts";
import { bpfAnswers } from "../service/command-line/running.ts";
import { table } from "../service/command-line/table.ts";

interface BpfStatsOptions {
  readonly duration: string;
  readonly format: "text" | "json";
}

export async function bpfStats({ duration, format }: BpfStatsOptions): Promise<void> {
  const durationMs = durationOption("--duration", duration, { allowsZero: false });
  // Before the kernel is told to count: where nothing runs that is said, whoever asks.
  await bpfAnswers();
  using _counting = countProgramRuns();
  const before = await bpfAnswers();
  const startMs = performance.now();
  process.stderr.write(`counting for ${formatDurationMs(durationMs)}\n`);
  await sleep(durationMs);
  const after = await bpfAnswers();
  const stats = programStats(before, after, performance.now() - startMs);
  process.stdout.write(
    format === "json" ? stats.map((each) => `${JSON.stringify(each)}\n`).join("") : table(statRows(stats)),
  );
}
