/** The profile value that leaves src/mapping: what OTLP needs, no more. */
import type { Attribute, Resource } from "./span.ts";

/** A file that a process has mapped; one object per mapping (identity is used when profiles are encoded). */
export interface MemoryMapping {
  readonly memoryStart: bigint;
  readonly memoryLimit: bigint;
  readonly fileOffset: bigint;
  readonly fileName: string;
  /** Build ids: `process.executable.build_id.gnu`, `.go`, `.htlhash`. */
  readonly attributes: readonly Attribute[];
}

export interface FrameLine {
  readonly functionName: string;
  readonly fileName: string | undefined;
  /** 0 when it is not known. */
  readonly lineNumber: number;
}

export interface Frame {
  readonly address: bigint;
  /** undefined in the kernel and in code that a runtime has made. */
  readonly mapping: MemoryMapping | undefined;
  /** profile.frame.type: `native`, `go`, `kernel`, `v8js`. */
  readonly type: string;
  /** The innermost inlined function first; none when there is no symbol. */
  readonly lines: readonly FrameLine[];
}

export interface ProfileSample {
  readonly timeUnixNano: bigint;
  /** The leaf first. */
  readonly stack: readonly Frame[];
  readonly attributes: readonly Attribute[];
  /** The span that it ran for. */
  readonly link: { readonly traceId: string; readonly spanId: string } | undefined;
  /** Nanoseconds off the CPU; a sample of CPU time is one sample. */
  readonly value: number;
}

export interface Profile {
  /** `cpu`: samples/count with the period cpu/nanoseconds; `off_cpu`: off_cpu/nanoseconds. */
  readonly type: "cpu" | "off_cpu";
  readonly resource: Resource;
  readonly timeUnixNano: bigint;
  readonly durationNano: bigint;
  /** Nanoseconds of CPU time between two samples. */
  readonly periodNano: number;
  readonly samples: readonly ProfileSample[];
}
