import { messageOf, SockspanError } from "../../error.ts";

/** The file is no capture and no recording that `replay` knows. */
export class UnknownCaptureFormatError extends SockspanError {
  readonly code = "CAPTURE_UNKNOWN_FORMAT";

  constructor(path: string, firstBytesHex: string) {
    super(
      `${path}: not a capture or recording that replay reads (it begins with ${firstBytesHex || "nothing"})`,
      "Give a pcap, pcapng, sockspan recording or eBPF datadump file, gzipped or not.",
    );
  }
}

/** The file can't be opened or read. */
export class CaptureUnreadableError extends SockspanError {
  readonly code = "CAPTURE_UNREADABLE";

  constructor(path: string, cause: unknown) {
    super(`${path}: ${messageOf(cause)}`, "Check that the file exists and may be read.", {
      cause,
    });
  }
}

/** Where a file breaks. What came before is kept, so these are told and not thrown. */
export type CaptureProblem = CaptureTruncatedError | CaptureDamagedError;

/** The file ends inside a record. */
export class CaptureTruncatedError extends SockspanError {
  readonly code = "CAPTURE_TRUNCATED";
  /** In the uncompressed file. */
  readonly offset: number;

  constructor(offset: number, what: string) {
    super(
      `broken at byte ${offset}: ${what}; what came before is kept`,
      "Let the capturing program finish before the file is copied.",
    );
    this.offset = offset;
  }
}

/** The file has a record that can't be. */
export class CaptureDamagedError extends SockspanError {
  readonly code = "CAPTURE_DAMAGED";
  /** In the uncompressed file. */
  readonly offset: number;

  constructor(offset: number, what: string) {
    super(`broken at byte ${offset}: ${what}; what came before is kept`, "Copy the file again, or capture anew.");
    this.offset = offset;
  }
}
