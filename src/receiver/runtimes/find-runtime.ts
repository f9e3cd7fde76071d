/** Which runtime a process runs, and how its unit of work is read. Cheap recognisers first. */
import { findBeam } from "./beam.ts";
import { findCpython } from "./cpython.ts";
import { findGo } from "./go.ts";
import { findHaproxy } from "./haproxy.ts";
import { findJvm } from "./jvm.ts";
import { findNginx } from "./nginx.ts";
import { findNode } from "./node.ts";
import type { ProcessView } from "./process-view.ts";
import { findRuby } from "./ruby.ts";
import { findTokio } from "./tokio.ts";
import type { UnitFinding } from "./unit-plan.ts";

const RECOGNISERS = [
  findNginx,
  findHaproxy,
  findBeam,
  findNode,
  findGo,
  findCpython,
  findJvm,
  findRuby,
  findTokio,
] as const;

/** @returns undefined when no known runtime is there: the thread is the unit */
export async function findRuntime(process: ProcessView, earlier?: UnitFinding): Promise<UnitFinding | undefined> {
  for (const recognise of RECOGNISERS) {
    const finding = await recognise(process, earlier);
    if (finding !== undefined) return finding;
  }
  return undefined;
}
