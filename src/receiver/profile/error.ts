/** What ends the profiler. */
import { SockspanError } from "../../error.ts";

export class ProfilerFailedError extends SockspanError {
  readonly code = "PROFILER_FAILED";

  constructor(reason: string) {
    super(
      `the profiler's thread can't go on: ${reason}`,
      "Restart sockspan; report it with the message and `uname -r`",
    );
  }
}
