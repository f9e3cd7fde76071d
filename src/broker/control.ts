/** The values of bpf/control.h that the broker writes: configuration, process filters, steps to a goroutine's id. */
import {
  encodeProcessControl,
  encodeTraceConf,
  LAYOUT,
  type ProcessFilter,
  type TraceConf,
  UnitKind,
  type UnitStep,
  UnitStepKind,
} from "../bpf/layout.gen.ts";

export function traceConfBytes(conf: TraceConf): Uint8Array {
  const bytes = new Uint8Array(LAYOUT.trace_conf.sizeBytes);
  encodeTraceConf(new DataView(bytes.buffer), 0, conf);
  return bytes;
}

/** @param offset of g.goid, for a Go program. The bucket is the programs' own and starts empty. */
export function processControlBytes(filter: ProcessFilter, offset: number | undefined): Uint8Array {
  const bytes = new Uint8Array(LAYOUT.process_control.sizeBytes);
  const steps = offset === undefined ? [] : goidSteps(offset);
  encodeProcessControl(new DataView(bytes.buffer), 0, {
    bucketNs: 0,
    bucketBytes: 0,
    filter,
    unitKind: steps.length === 0 ? UnitKind.none : UnitKind.goroutine,
    stepCount: steps.length,
    steps,
  });
  return bytes;
}

function goidSteps(offset: number): UnitStep[] {
  return [
    { kind: UnitStepKind.registerG, operand: offset },
    { kind: UnitStepKind.load, operand: 0 },
    { kind: UnitStepKind.toCoroutine, operand: 0 },
  ];
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
