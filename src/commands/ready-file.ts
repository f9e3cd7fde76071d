/** The file of `--ready-file`: it is there when, and only when, capturing has begun. */

import { lstatSync, rmSync, writeFileSync } from "node:fs";
import { messageOf } from "../error.ts";
import { ReadyFileError, UsageError } from "../service/error.ts";

export class ReadyFile {
  readonly #path: string;
  #isMade = false;

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * Takes away what an earlier run has left: whoever waits for the file would believe it. Tries whether it can be made.
   * @throws UsageError
   */
  static prepare(path: string | undefined): ReadyFile | undefined {
    if (path === undefined) return undefined;
    const advice = "Name a file in a folder that exists and may be written to.";
    try {
      const found = lstatSync(path, { throwIfNoEntry: false });
      // A device or a pipe is nobody's leftover.
      if (found !== undefined && !found.isFile()) {
        throw new UsageError(`--ready-file ${path} is there already, and is no file`, advice);
      }
      rmSync(path, { force: true });
      // Under another name: who waits for this one would take it for the real one.
      const trial = `${path}.${process.pid}`;
      create(trial);
      rmSync(trial);
    } catch (error) {
      if (error instanceof UsageError) throw error;
      throw new UsageError(`--ready-file ${path} can't be made: ${messageOf(error)}`, advice);
    }
    return new ReadyFile(path);
  }

  /** Once. @throws ReadyFileError: what was possible at the start is not any more */
  make(): void {
    if (this.#isMade) return;
    this.#isMade = true;
    try {
      create(this.#path);
    } catch (error) {
      throw new ReadyFileError(this.#path, error);
    }
  }
}

/** Never through a link that somebody has put there meanwhile. */
function create(path: string): void {
  writeFileSync(path, `${process.pid}\n`, { flag: "wx" });
}
