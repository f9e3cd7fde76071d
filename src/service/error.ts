import { messageOf, SockspanError } from "../error.ts";

/** The configuration knows a component that nothing here can make: a defect of the build. */
export class ComponentMissingError extends SockspanError {
  readonly code = "COMPONENT_MISSING";

  constructor(kind: string, type: string) {
    super(`this build can't make the ${kind} ${type}`, "Report it; take the component out of the pipeline meanwhile.");
  }
}

/** The command line makes no sense. */
export class UsageError extends SockspanError {
  readonly code = "USAGE_INVALID";
}

/** `run` without the privilege that loading BPF programs needs. */
export class NotRootError extends SockspanError {
  readonly code = "USAGE_NOT_ROOT";

  constructor(command: string) {
    super(
      "capturing needs root: it loads BPF programs and reads /proc of all processes",
      `Run it as root:\n\n    ${command}\n`,
    );
  }
}

/** Before a start, or wherever a process runs into its limit. */
export class OpenFilesLimitError extends SockspanError {
  readonly code = "OPEN_FILES_LIMIT";

  constructor(needed: number, limit: string | undefined, cause?: unknown) {
    const allowed = limit === undefined ? "" : `, this process may open ${limit}`;
    super(
      `too few files may be open at once: sockspan needs ${needed}${allowed}`,
      "Raise the limit: `ulimit -n 4096` in the shell that starts it, `LimitNOFILE=` in a systemd unit, `--ulimit nofile=4096` for docker run.",
      { cause },
    );
  }
}

/** `profile` can't write where it was told to. */
export class ProfileOutputError extends SockspanError {
  readonly code = "PROFILE_OUTPUT_UNUSABLE";

  /** @param kept where it is for now */
  constructor(path: string, cause: unknown, kept?: string) {
    super(
      `the profile can't be written: ${path}: ${messageOf(cause)}`,
      kept === undefined ? "Name another file with -o." : `What was sampled is in ${kept}; take it from there.`,
      { cause },
    );
  }
}

/** What goes to stdout can't be written, for another reason than a reader that has had enough. */
export class StdoutError extends SockspanError {
  readonly code = "STDOUT_UNUSABLE";

  constructor(cause: Error) {
    super(`stdout can't be written: ${cause.message}`, "Look whether the disk is full.", { cause });
  }
}

/** `replay` can't write where it was told to. */
export class ReplayOutputError extends SockspanError {
  readonly code = "REPLAY_OUTPUT_UNUSABLE";

  constructor(path: string, cause: unknown) {
    super(
      `the spans can't be written: ${path}: ${messageOf(cause)}`,
      "Name another file with -o, or look whether the disk is full.",
      { cause },
    );
  }
}

/** `--ready-file` could be made when the program began, and can't be now. */
export class ReadyFileError extends SockspanError {
  readonly code = "READY_FILE_UNUSABLE";

  constructor(path: string, cause: unknown) {
    super(
      `the ready file can't be made: ${path}: ${messageOf(cause)}`,
      "Look who else writes there, and whether the disk is full.",
      { cause },
    );
  }
}

/** What asks a running sockspan found none. */
export class NotRunningError extends SockspanError {
  readonly code = "NOT_RUNNING";

  constructor() {
    super(
      "no sockspan runs here that this user may ask",
      "Start `sockspan run` and ask as root: its socket under /run/sockspan is for root alone.",
    );
  }
}

/** `explain` of a trace that nobody knows. */
export class TraceUnknownError extends SockspanError {
  readonly code = "TRACE_UNKNOWN";

  constructor(traceId: string, isRecording: boolean) {
    super(
      `no span of trace ${traceId} is known`,
      isRecording
        ? "The recording does not hold it: record while the request is made"
        : "Ask as root on the host where sockspan runs, soon after the request: it keeps the last `explained_spans` spans",
    );
  }
}
