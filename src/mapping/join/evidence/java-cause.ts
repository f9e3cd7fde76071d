/** Calls of which a JVM shows for what object they are made. */
import { CauseKind } from "../../../bpf/layout.gen.ts";
import type { TraceNode } from "../trace-node.ts";

const FOR_OBJECTS: readonly number[] = [CauseKind.javaJob, CauseKind.javaRequest, CauseKind.javaThread];

export function isForObject({ start }: TraceNode): boolean {
  return FOR_OBJECTS.includes(start.causeKind);
}
