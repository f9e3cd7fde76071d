/** What can go wrong while the broker starts or serves its worker, each with what to do about it. */
import { SockspanError } from "../error.ts";

export class WorkerFailedError extends SockspanError {
  readonly code = "WORKER_FAILED";

  constructor(reason: string) {
    super(
      `the worker did not start: ${reason}`,
      "Its own message is above; `sockspan validate` checks the configuration",
    );
  }
}

export class UnknownUserError extends SockspanError {
  readonly code = "USER_UNKNOWN";

  constructor(user: string) {
    super(`there is no user ${user} in /etc/passwd`, "Name another with --user, or give numbers: --user 65534:65534");
  }
}

export class FileNotOpenedError extends SockspanError {
  readonly code = "FILE_NOT_OPENED";

  constructor(path: string, options: ErrorOptions) {
    super(`${path} can't be opened: ${String(options.cause)}`, "Check the path and its folder's permissions", options);
  }
}

export class UprobeRefusedError extends SockspanError {
  readonly code = "UPROBE_REFUSED";

  constructor(tgid: number, reason: string, options?: ErrorOptions) {
    super(
      `no uprobe was attached to process ${tgid}: ${reason}`,
      "Nothing is to be done: its calls are joined by other evidence",
      options,
    );
  }
}
