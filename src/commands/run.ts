/** `run`: the broker in this process, the worker beside it, until a signal, a deadline or a failure. */

import type { Command } from "commander";
import { SockspanError } from "../error.ts";
import { escapeText } from "../escape.ts";
import { addConfigOptions, type ConfigOptions } from "../service/command-line/command.ts";
import { durationOption } from "../service/command-line/duration-option.ts";
import { formatError } from "../service/command-line/exit-code.ts";
import { loadCommandConfig } from "../service/command-line/load-command-config.ts";
import { rootCommand } from "../service/command-line/root-command.ts";
import { NotRootError } from "../service/error.ts";
import { Logger } from "../service/log.ts";
import { outputFilesOf } from "../service/output-files.ts";
import { ConfigInUse } from "./config-in-use.ts";
import { ReadyFile } from "./ready-file.ts";
import { RunSession } from "./run-session.ts";
import { exitCodeOfEnd, SessionEnd } from "./session-end.ts";

export interface RunOptions extends ConfigOptions {
  readonly duration?: string;
  readonly readyFile?: string;
  readonly user: string;
  readonly selfTest: boolean;
  /** `record`: ends when that fails, and early at SIGHUP, which reloads otherwise. */
  readonly isForRecording?: boolean;
}

export function runCommand(command: Command): void {
  addConfigOptions(command)
    .option("--duration <time>", "end by itself: 10s, 5m")
    .option("--ready-file <file>", "make this file when capturing has begun")
    .option("--user <user>", "whom the worker becomes: a name or uid:gid", "nobody")
    .option("--no-self-test", "make no exchange of our own at the start")
    .action(run);
}

export async function run(options: RunOptions): Promise<void> {
  const durationMs = options.duration === undefined ? undefined : durationOption("--duration", options.duration);
  const configs = new ConfigInUse(() => loadCommandConfig(options));
  if (process.getuid?.() !== 0) throw new NotRootError(rootCommand(process.argv, process.env));
  const log = new Logger({
    ...configs.current.config.telemetry.logs,
    write: (line) => process.stderr.write(line),
    now: () => new Date(),
  });
  const readyFile = ReadyFile.prepare(options.readyFile);
  const keptFiles = new Set<string>();
  const endAtMs = durationMs === undefined ? undefined : performance.now() + durationMs;
  for (let isFirst = true; ; isFirst = false) {
    const { config, warnings } = configs.current;
    log.configure(config.telemetry.logs);
    for (const warning of warnings) log.warn(warning);
    const session = new RunSession({
      config,
      log,
      user: options.user,
      hasSelfTest: isFirst && options.selfTest,
      durationMs: endAtMs === undefined ? undefined : Math.max(0, endAtMs - performance.now()),
      keptFiles: [...keptFiles],
      onReady: () => {
        configs.prove();
        readyFile?.make();
      },
      isForRecording: options.isForRecording ?? false,
      ...(options.isForRecording ? {} : { reload: () => configs.reload() }),
    });
    for (const path of outputFilesOf(config)) keptFiles.add(path);
    const end = await session.run().catch(async (error: unknown) => {
      if (isFirst && isCaptureImpossible(error)) await showDemo(error);
      else if (configs.hasProven) process.stderr.write(formatError(error));
      else throw error;
      return SessionEnd.failed;
    });
    if (end === SessionEnd.reload) continue;
    if (end !== SessionEnd.done && configs.hasProven) {
      log.error("the new configuration can't be used, the old one goes on");
      configs.goBack();
      continue;
    }
    process.exitCode = exitCodeOfEnd(end);
    return;
  }
}

/** The kernel, or what this process may do in it, stands in the way: no configuration helps. */
function isCaptureImpossible(error: unknown): boolean {
  return error instanceof SockspanError && /^(?:BPF|KERNEL|LIBBPF)_/.test(error.code);
}

async function showDemo(reason: unknown): Promise<void> {
  process.stderr.write(formatError(reason));
  const { demoLines } = await import("../service/demo/demo.ts");
  const lines = ["", "A recorded trace, not of this host, to show what you would see (curl -> nginx -> node):"];
  process.stderr.write(`${[...lines, ...demoLines().map((line) => `  ${escapeText(line)}`)].join("\n")}\n`);
}
