import type { ExporterDeps } from "../../src/exporter/exporter.ts";
import { localFiles } from "../../src/exporter/local-files.ts";
import { RecordingLog } from "./recording-log.ts";

/** What an exporter gets in a test; `output` is what it wrote to stdout. */
export interface TestDeps extends ExporterDeps {
  readonly log: RecordingLog;
  readonly output: string[];
}

export function makeExporterDeps(isTTY = false): TestDeps {
  const output: string[] = [];
  return {
    log: new RecordingLog(),
    now: () => performance.now(),
    files: localFiles,
    stdout: { isTTY, write: (text) => void output.push(text) },
    output,
  };
}
