import { messageOf, SockspanError } from "../../error.ts";

/** The bridge can't listen where it is told to. */
export class TridentListenError extends SockspanError {
  readonly code = "TRIDENT_LISTEN_FAILED";

  constructor(what: string, endpoint: string, cause: unknown) {
    super(`${what} ${endpoint}: ${messageOf(cause)}`, "Another program may listen there; choose another endpoint.", {
      cause,
    });
  }
}

/** A file or folder that the receiver's configuration names can't be used. */
export class TridentFileError extends SockspanError {
  readonly code = "TRIDENT_FILE_UNUSABLE";

  constructor(setting: string, path: string, cause: unknown) {
    super(
      `${setting}: ${path}: ${messageOf(cause)}`,
      "Check the path, what is in the file, and who may read or write it.",
      { cause },
    );
  }
}
