/** What can go wrong at the kernel boundary, each with what to do about it. */
import { SockspanError } from "../error.ts";

/** A verifier's log may have millions of lines; its end says what was wrong. */
const REPORTED_LINES = 60;

export class LibbpfMissingError extends SockspanError {
  readonly code = "LIBBPF_MISSING";

  constructor(options?: ErrorOptions) {
    super("libbpf.so.1 is not there", "Install it: apt-get install libbpf1", options);
  }
}

/** A libbpf call or system call that failed for a reason that has no class of its own. */
export class BpfError extends SockspanError {
  readonly code = "BPF_CALL_FAILED";
  readonly errno: number;

  constructor(what: string, errno: number, detail = "") {
    super(
      `${what}: ${errnoName(errno)}${detail === "" ? "" : `: ${detail}`}`,
      "See `sockspan doctor` for what this kernel offers",
    );
    this.errno = errno;
  }
}

export class BpfPermissionError extends SockspanError {
  readonly code = "BPF_NOT_PERMITTED";

  constructor(what: string, detail = "") {
    super(
      `${what}: not permitted${detail === "" ? "" : `\n${detail}`}`,
      "Run as root, or with CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_SYS_ADMIN; under lockdown BPF tracing is off",
    );
  }
}

export class VerifierError extends SockspanError {
  readonly code = "BPF_PROGRAM_REFUSED";
  readonly #log: string;

  constructor(object: string, log: string) {
    super(
      `the kernel refused a program of ${object}: ${lastReason(log)}`,
      "Report it with the log below and `uname -r`; another hook set may load: --set receivers.socket_trace.hook_set.sends=c",
    );
    this.#log = log;
  }

  override get report(): string {
    return this.#log.trimEnd().split("\n").slice(-REPORTED_LINES).join("\n");
  }
}

export class PerfEventRefusedError extends SockspanError {
  readonly code = "PERF_EVENT_REFUSED";

  constructor(cpu: number) {
    super(
      `the kernel refuses a sampling clock on CPU ${cpu}`,
      "Run as root, or with CAP_PERFMON; in a container let its seccomp profile allow perf_event_open",
    );
  }
}

export class LayoutMismatchError extends SockspanError {
  readonly code = "BPF_LAYOUT_MISMATCH";

  constructor(object: string, difference: string) {
    super(
      `${object} and the decoder differ: ${difference}`,
      "The object and build/src are of different builds: run `npm run build`",
    );
  }
}

export class NoBtfError extends SockspanError {
  readonly code = "KERNEL_WITHOUT_BTF";

  constructor() {
    super(
      "this kernel has no /sys/kernel/btf/vmlinux",
      "Use a kernel with CONFIG_DEBUG_INFO_BTF=y (Debian 11 and later, Ubuntu 20.10 and later, RHEL 8.2 and later)",
    );
  }
}

export class UnsupportedFeatureError extends SockspanError {
  readonly code = "KERNEL_FEATURE_MISSING";

  constructor(feature: string, cost: string) {
    super(`this kernel lacks ${feature}: ${cost}`, "Use a newer kernel, or leave hook_set on auto");
  }
}

const ERRNO_NAMES = new Map([
  [1, "EPERM"],
  [2, "ENOENT"],
  [3, "ESRCH"],
  [7, "E2BIG"],
  [9, "EBADF"],
  [11, "EAGAIN"],
  [12, "ENOMEM"],
  [13, "EACCES"],
  [14, "EFAULT"],
  [16, "EBUSY"],
  [17, "EEXIST"],
  [22, "EINVAL"],
  [28, "ENOSPC"],
  [95, "EOPNOTSUPP"],
  [524, "ENOTSUPP"],
]);

function errnoName(errno: number): string {
  return ERRNO_NAMES.get(Math.abs(errno)) ?? `errno ${Math.abs(errno)}`;
}

/** The last line of a verifier log that is not statistics. */
function lastReason(log: string): string {
  const lines = log.split("\n").map((line) => line.trim());
  const useful = lines.filter(
    (line) => line !== "" && !/^(processed |verification time|stack depth|-- END|libbpf: )/.test(line),
  );
  return useful.at(-1) ?? "no reason given";
}
