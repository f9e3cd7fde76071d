import { UnitKind } from "../../src/bpf/layout.gen.ts";
import type { StackSample } from "../../src/mapping/profiles/stack-sample.ts";

export function makeStackSample(change: Partial<StackSample> = {}): StackSample {
  return {
    kind: "on_cpu",
    timestampNs: 1_500_000_000,
    tgid: 7,
    pid: 8,
    cpu: 1,
    comm: "worker",
    unitKind: UnitKind.none,
    unitId: 0,
    coroutineId: 0,
    turnId: 0,
    valueNs: 0,
    waker: undefined,
    kernelStack: new BigUint64Array(),
    userStack: BigUint64Array.of(0x1000n, 0x2000n, 0x3000n),
    interruptedFrames: [],
    interpreterStack: undefined,
    scriptFrames: [],
    isCut: false,
    link: undefined,
    contextAttributes: [],
    ...change,
  };
}
