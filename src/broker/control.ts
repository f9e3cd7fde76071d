/** The values of bpf/control.h that the broker writes: configuration, process filters, steps to the unit of work. */
import {
  encodeProcessControl,
  encodeTraceConf,
  LAYOUT,
  type PoolSite,
  type ProcessFilter,
  type TraceConf,
  type UnitStep,
} from "../bpf/layout.gen.ts";

export function traceConfBytes(conf: TraceConf): Uint8Array {
  const bytes = new Uint8Array(LAYOUT.trace_conf.sizeBytes);
  encodeTraceConf(new DataView(bytes.buffer), 0, conf);
  return bytes;
}

/** The bucket is the programs' own and starts empty. */
export function processControlBytes(
  filter: ProcessFilter,
  unitKind: number,
  steps: readonly UnitStep[],
  pools: readonly PoolSite[] = [],
): Uint8Array {
  const bytes = new Uint8Array(LAYOUT.process_control.sizeBytes);
  encodeProcessControl(new DataView(bytes.buffer), 0, {
    bucketNs: 0,
    bucketBytes: 0,
    filter,
    unitKind,
    stepCount: steps.length,
    steps,
    pools,
  });
  return bytes;
}
