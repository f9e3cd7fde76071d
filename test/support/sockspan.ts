/** Runs the program itself, as a user does, and gives the spans that it exported. */

import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./free-port.ts";
import { type Metric, parseMetrics } from "./metrics.ts";
import { Program, type ProgramOptions } from "./program.ts";
import type { Scratch } from "./scratch.ts";
import { readTraceFile, type TestSpan } from "./trace-file.ts";

export interface SockspanOptions {
  /** YAML of the socket_trace receiver, flow style. */
  readonly receiver?: string;
  /** More exporters by id, flow style; all are in the pipeline. */
  readonly exporters?: Readonly<Record<string, string>>;
  /** Extensions by id, flow style; all are enabled. */
  readonly extensions?: Readonly<Record<string, string>>;
  /** No file exporter: stopAndRead() has nothing to read. */
  readonly withoutFile?: boolean;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly within?: readonly string[];
}

/** Absolute: the command may run in another folder. */
const PROGRAM = resolve("bin/sockspan");
const READY_MS = 60_000;

export class Sockspan {
  readonly program: Program;
  readonly #traceFile: string;
  readonly #metricsPort: number;

  private constructor(program: Program, traceFile: string, metricsPort: number) {
    this.program = program;
    this.#traceFile = traceFile;
    this.#metricsPort = metricsPort;
  }

  /** Resolves when it captures. It stops with the scratch, if not before. */
  static async start(scratch: Scratch, options: SockspanOptions = {}): Promise<Sockspan> {
    const { config, traceFile, metricsPort } = await writeConfig(scratch, options);
    const readyFile = scratch.path(`ready-${process.hrtime.bigint()}`);
    const args = ["run", "--config", config, "--ready-file", readyFile, ...(options.args ?? [])];
    const programOptions: ProgramOptions = {
      ...(options.env ? { env: options.env } : {}),
      ...(options.within ? { within: options.within } : {}),
    };
    const program = scratch.keep(await Program.start([PROGRAM, ...args], programOptions));
    const deadline = Date.now() + READY_MS;
    while (!existsSync(readyFile)) {
      if (program.hasEnded || Date.now() > deadline) throw new Error(`sockspan is not ready:\n${program.output}`);
      await sleep(20);
    }
    return new Sockspan(program, traceFile, metricsPort);
  }

  /** SIGTERM drains: what was captured is in the file when it has ended. */
  async stopAndRead(): Promise<TestSpan[]> {
    this.program.signal("SIGTERM");
    return await this.endAndRead();
  }

  /** Its own telemetry. */
  async metrics(): Promise<Metric[]> {
    const response = await fetch(`http://127.0.0.1:${this.#metricsPort}/metrics`);
    return parseMetrics(await response.text());
  }

  async endAndRead(): Promise<TestSpan[]> {
    const code = await this.program.end();
    if (code !== 0) throw new Error(`sockspan ended with ${code}:\n${this.program.output}`);
    return await readTraceFile(this.#traceFile);
  }
}

export async function writeConfig(
  scratch: Scratch,
  options: SockspanOptions = {},
): Promise<{ config: string; traceFile: string; metricsPort: number }> {
  const traceFile = scratch.path("traces.jsonl");
  const metricsPort = await freePort();
  const extensions = options.extensions ?? {};
  const exporters = { ...(options.withoutFile ? {} : { file: `{ path: ${traceFile} }` }), ...options.exporters };
  const config = scratch.path("config.yaml");
  await writeFile(
    config,
    [
      "receivers:",
      `  socket_trace: ${options.receiver ?? "{}"}`,
      "exporters:",
      ...Object.entries(exporters).map(([id, yaml]) => `  ${id}: ${yaml}`),
      "extensions:",
      ...Object.entries(extensions).map(([id, yaml]) => `  ${id}: ${yaml}`),
      "service:",
      `  extensions: [${Object.keys(extensions).join(", ")}]`,
      "  telemetry:",
      `    metrics: { readers: [{ pull: { exporter: { prometheus: { port: ${metricsPort} } } } }] }`,
      "  pipelines:",
      "    traces:",
      "      receivers: [socket_trace]",
      `      exporters: [${Object.keys(exporters).join(", ")}]`,
      "",
    ].join("\n"),
  );
  return { config, traceFile, metricsPort };
}
