import type { ExporterDeps } from "../../src/exporter/exporter.ts";
import { localFiles } from "../../src/exporter/local-files.ts";
import { RecordingLog } from "./recording-log.ts";

/** What an exporter gets in a test; `output` is what it wrote to stdout. */
export interface TestDeps extends ExporterDeps {
  readonly log: RecordingLog;
  readonly output: string[];
  /** What stdout answers from now on. */
  stdoutError: Error | undefined;
}

export function noStorage(id: string): never {
  throw new Error(`no storage ${id}`);
}

export function makeExporterDeps(isTTY = false): TestDeps {
  const output: string[] = [];
  const deps: TestDeps = {
    log: new RecordingLog(),
    now: () => performance.now(),
    files: localFiles,
    storage: noStorage,
    stdout: {
      isTTY,
      write: (text, done) => {
        if (deps.stdoutError === undefined) output.push(text);
        done(deps.stdoutError);
      },
    },
    output,
    stdoutError: undefined,
  };
  return deps;
}
