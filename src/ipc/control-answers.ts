/** What the control socket answers (control.ts); each answer is of one sockspan. */

export interface BpfProgramInfo {
  /** `socket_trace` */
  readonly object: string;
  readonly program: string;
  readonly section: string;
  /** Since it was loaded, while statistics were on. */
  readonly runs: number;
  readonly runTimeNs: number;
  /** It was running already on that CPU, so that the kernel left it out. */
  readonly missed: number;
}

export interface BpfMapInfo {
  readonly object: string;
  readonly map: string;
  /** `hash`, `ringbuf`; the number of one that is not known. */
  readonly type: string;
  readonly keySizeBytes: number;
  readonly valueSizeBytes: number;
  readonly maxEntries: number;
  /** Not of maps that have no keys to count, nor of what is in no kernel. */
  readonly entries: number | undefined;
  /** There are more: nobody counted on. */
  readonly isEntriesCut: boolean;
  readonly memoryBytes: number | undefined;
}

export interface BpfAnswer {
  readonly pid: number;
  readonly programs: readonly BpfProgramInfo[];
  readonly maps: readonly BpfMapInfo[];
}

/** What a terminal shows of a span: texts of strangers, not escaped. */
export interface WatchedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly startUnixNs: string;
  readonly durationNs: number;
  /** `SERVER` */
  readonly kind: string;
  readonly service: string;
  readonly name: string;
  /** What the name does not say: path, statement's summary. */
  readonly subject: string | undefined;
  /** The other end, `10.0.0.7:8080`. */
  readonly peer: string | undefined;
  readonly isError: boolean;
  /** `404`, `timeout`; undefined for what went well and has no code. */
  readonly result: string | undefined;
}

export interface SpansAnswer {
  /** To ask for what comes later. */
  readonly next: number;
  readonly spans: readonly WatchedSpan[];
  /** Came since, and were not kept until they were asked for. */
  readonly missed: number;
}

/** All numbers only grow, since `epoch` began. */
export interface WorkerStatAnswer {
  /** Another one: it had not been asked for so long that it had stopped counting. */
  readonly epoch: number;
  readonly services: readonly ServiceCounts[];
  /** `ring/ring_full` and the like, in the stage's unit. */
  readonly lost: Readonly<Record<string, number>>;
  readonly workerCpuUs: number;
  readonly timeMs: number;
}

export interface StatAnswer extends WorkerStatAnswer {
  readonly pid: number;
  readonly brokerCpuUs: number;
}

export interface ServiceCounts {
  readonly service: string;
  readonly kind: string;
  readonly spans: number;
  readonly errors: number;
  /** Bucket of the duration and how many fell into it (duration-buckets.ts). */
  readonly durations: readonly (readonly [bucket: number, count: number])[];
}
