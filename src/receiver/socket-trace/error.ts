/** What ends capturing, or a recording of it. */
import { SockspanError } from "../../error.ts";

export class DrainFailedError extends SockspanError {
  readonly code = "DRAIN_FAILED";

  constructor(reason: string) {
    super(`the ring buffer can't be read: ${reason}`, "Restart sockspan; report it with this message and `uname -r`");
  }
}

export class RecordingFileError extends SockspanError {
  readonly code = "RECORDING_FILE_UNUSABLE";

  constructor(path: string, options?: ErrorOptions) {
    super(
      `the recording ${path} can't be written${reason(options)}`,
      "Name a file in a folder that exists, that root may write to, on a disk that is not full",
      options,
    );
  }
}

function reason({ cause }: ErrorOptions = {}): string {
  return cause instanceof Error ? `: ${cause.message}` : "";
}
