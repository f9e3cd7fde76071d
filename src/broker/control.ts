/** The values of bpf/control.h that the broker writes: configuration, process filters, steps to a goroutine's id. */

/** enum scope_kind */
export const KernelScope = { host: 0, pidNamespace: 1 } as const;
export type KernelScope = (typeof KernelScope)[keyof typeof KernelScope];

/** enum loss_reason: index into loss_counters. */
export const LossReason = {
  ring_full: 0,
  rate_limited: 1,
  user_fault: 2,
  conflict: 3,
  compat_call: 4,
  io_uring: 5,
  vector_call: 6,
  no_socket_info: 7,
  segments: 8,
  consumed_drop: 9,
  consumed_skip: 10,
  consumed_excluded: 11,
} as const;

/** enum process_filter */
export const ProcessFilter = { none: 0, exclude: 1, excludeTree: 2 } as const;
export type ProcessFilter = (typeof ProcessFilter)[keyof typeof ProcessFilter];

/** enum unit_step_kind, what is used of it. */
const UnitStepKind = { registerG: 2, load: 3, toCoroutine: 6 } as const;

const UNIT_KIND_GOROUTINE = 1;
const TRACE_CONF_SIZE_BYTES = 64;
const PROCESS_CONTROL_HEAD_SIZE_BYTES = 32;
const UNIT_STEP_SIZE_BYTES = 16;

export interface TraceConf {
  readonly pidNamespaceDevice: number;
  readonly pidNamespaceInode: number;
  /** 0: any. */
  readonly cgroupId: bigint;
  readonly cgroupLevel: number;
  readonly scope: KernelScope;
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
  readonly defaultLimitBytes: number;
  readonly isUdpSendByLength: boolean;
  /** Of tcp_recvmsg: 6 before Linux 5.19. */
  readonly recvmsgArguments: number;
}

/** struct trace_conf */
export function encodeTraceConf(conf: TraceConf): Uint8Array {
  const view = new DataView(new ArrayBuffer(TRACE_CONF_SIZE_BYTES));
  view.setBigUint64(0, BigInt(conf.pidNamespaceDevice), true);
  view.setBigUint64(8, BigInt(conf.pidNamespaceInode), true);
  view.setBigUint64(16, conf.cgroupId, true);
  view.setBigUint64(24, BigInt(conf.bytesPerSecond), true);
  view.setBigUint64(32, BigInt(conf.burstBytes), true);
  view.setUint32(40, conf.scope, true);
  view.setUint32(44, conf.cgroupLevel, true);
  view.setUint32(48, conf.defaultLimitBytes, true);
  view.setUint32(52, conf.isUdpSendByLength ? 1 : 0, true);
  view.setUint32(56, conf.recvmsgArguments, true);
  return new Uint8Array(view.buffer);
}

/** struct process_control, without the bucket that the programs keep. @param goidOffset of g.goid, for a Go program */
export function encodeProcessControl(
  sizeBytes: number,
  filter: ProcessFilter,
  goidOffset: number | undefined,
): Uint8Array {
  const view = new DataView(new ArrayBuffer(sizeBytes));
  view.setUint32(16, filter, true);
  if (goidOffset === undefined) return new Uint8Array(view.buffer);
  const steps = [
    [UnitStepKind.registerG, goidOffset],
    [UnitStepKind.load, 0],
    [UnitStepKind.toCoroutine, 0],
  ] as const;
  view.setUint32(20, UNIT_KIND_GOROUTINE, true);
  view.setUint32(24, steps.length, true);
  steps.forEach(([kind, operand], i) => {
    const at = PROCESS_CONTROL_HEAD_SIZE_BYTES + i * UNIT_STEP_SIZE_BYTES;
    view.setBigInt64(at, BigInt(operand), true);
    view.setUint32(at + 8, kind, true);
  });
  return new Uint8Array(view.buffer);
}

/**
 * Where g.goid lies. g.syscallbp came in Go 1.23 (+8), gobuf.ret went in 1.25 (-8).
 *
 * @param goVersion `go1.22.5` @returns undefined for a version whose layout is not known
 */
export function goidOffset(goVersion: string): number | undefined {
  const minor = Number(/^go1\.(\d+)/.exec(goVersion)?.[1]);
  if (!(minor >= 17 && minor <= 26)) return undefined;
  return minor === 23 || minor === 24 ? 160 : 152;
}
