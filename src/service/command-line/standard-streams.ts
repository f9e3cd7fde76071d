/** Ends that nobody reads any more, and disks that are full: by default Node ends a program for them, with a stack. */

import { StdoutError } from "../error.ts";
import { ExitCode, formatError } from "./exit-code.ts";

/** `sockspan ... | head` has had what it wanted; anything else is a failure that is said. */
export function watchStandardStreams(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(process.exitCode ?? ExitCode.fine);
    process.stderr.write(formatError(new StdoutError(error)));
    process.exit(ExitCode.failed);
  });
  // A terminal that is gone: there is nobody to tell.
  process.stderr.on("error", () => {});
}
