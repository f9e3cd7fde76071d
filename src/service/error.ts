import { SockspanError } from "../error.ts";

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

/** `profile` can't write where it was told to. */
export class ProfileOutputError extends SockspanError {
  readonly code = "PROFILE_OUTPUT_UNUSABLE";

  /** @param kept where it is for now */
  constructor(path: string, cause: unknown, kept?: string) {
    super(
      `the profile can't be written: ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      kept === undefined ? "Name another file with -o." : `What was sampled is in ${kept}; take it from there.`,
      { cause },
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
