import { SockspanError } from "../../error.ts";

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
    super(
      `${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      "Check that the file exists and may be read.",
      {
        cause,
      },
    );
  }
}

/** Where a file breaks. What came before is kept, so this is told and no exception. */
export interface CaptureProblem {
  readonly code: "CAPTURE_TRUNCATED" | "CAPTURE_DAMAGED";
  /** In the uncompressed file. */
  readonly offset: number;
  readonly message: string;
}
