/**
 * Ruby 3.1+: the unit is the fiber, `ruby_current_ec` (vm_core.h): each fiber has an execution context of its own.
 * Only servers on a fiber scheduler need it; on threads it is the thread's.
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import { findSymbol } from "../elf/symbols.ts";
import { findImage } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import { libraryTlsSteps } from "./tls.ts";
import type { UnitFinding } from "./unit-plan.ts";

const RUNTIME = "ruby";
const STT_TLS = 6;

/** @returns undefined when the process maps no libruby */
export async function findRuby(process: ProcessView): Promise<UnitFinding | undefined> {
  const image = await findImage(process, /^libruby\S*\.so/);
  if (image === undefined) return undefined;
  const symbol = await findSymbol(image.elf, "ruby_current_ec");
  if (symbol?.type !== STT_TLS)
    return { runtime: RUNTIME, off: "ruby_current_ec is not exported: threads are the units" };
  const steps = await libraryTlsSteps(process, image, symbol.value);
  if (steps === undefined) return { runtime: RUNTIME, off: "the thread-local block of libruby was not found" };
  const version = /libruby\S*?-?(\d+\.\d+)/.exec(image.path)?.[1] ?? "";
  return {
    runtime: RUNTIME,
    version,
    unitKind: UnitKind.rubyFiber,
    steps: [...steps, { step: "load", operand: 0 }, { step: "to_unit" }],
    isFinal: true,
  };
}
