/** `record`: the raw events of this host to a file, for `replay` on any machine. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { addConfigOptions, type ConfigOptions } from "../service/command-line/command.ts";
import { run } from "./run.ts";

interface RecordOptions extends ConfigOptions {
  readonly output: string;
  readonly duration?: string;
  readonly readyFile?: string;
  readonly user: string;
}

export function recordCommand(command: Command): void {
  addConfigOptions(command)
    .requiredOption("-o, --output <file>", "the recording; gzipped when the name ends in .gz")
    .option("--duration <time>", "end by itself: 10s, 5m; else at Ctrl-C")
    .option("--ready-file <file>", "make this file when capturing has begun")
    .option("--user <user>", "whom the worker becomes: a name or uid:gid", "nobody")
    .action(record);
}

/** Filters and hook sets of a given configuration hold; its pipelines do not. A terminal that hangs up ends it, with a whole file. */
async function record({ output, config, ...options }: RecordOptions): Promise<void> {
  await run({
    ...options,
    config: [...config, `yaml:${recordingConfig(resolve(output))}`],
    selfTest: false,
    isForRecording: true,
  });
}

function recordingConfig(path: string): string {
  return JSON.stringify({
    receivers: { socket_trace: { record_to: path } },
    exporters: { file: { path: "/dev/null" } },
    extensions: {},
    service: {
      extensions: [],
      pipelines: { traces: { receivers: ["socket_trace"], processors: [], exporters: ["file"] } },
    },
  });
}
