import { SockspanError } from "../../error.ts";

export class DrainFailedError extends SockspanError {
  readonly code = "DRAIN_FAILED";

  constructor(reason: string) {
    super(`the ring buffer can't be read: ${reason}`, "Restart sockspan; report it with this message and `uname -r`");
  }
}
