/**
 * Ruby 3.1+: the unit is the fiber, `ruby_current_ec` (vm_core.h): each fiber has an execution context of its own; on threads
 * it is the thread's. Who has made a thread nothing in it tells, so uprobes see it made and ended (bpf/unit/ruby.bpf.h).
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import { ElfMachine } from "../elf/elf-file.ts";
import { findSymbol } from "../elf/symbols.ts";
import { codeOf, findImage, type Image } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import { libraryTlsSteps } from "./tls.ts";
import type { UnitFinding, UnitStep, UprobePlan } from "./unit-plan.ts";

const RUNTIME = "ruby";
const STT_TLS = 6;
const CODE_LIMIT_BYTES = 64;
/** ModRM bytes of a load by %rax into it: without a displacement, and with one of 8 bits. */
const ITSELF = 0x00;
const FIELD = 0x40;
/** What rb_native_mutex_initialize and its counterpart are called with is a thread's interrupt lock, but for a few others. */
const WATCHED = {
  ruby_thread_made: "rb_native_mutex_initialize",
  ruby_thread_ended: "rb_native_mutex_destroy",
} as const;

interface Makers {
  readonly toThread: number;
  readonly uprobes: readonly UprobePlan[];
}

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
  const makers = await makersOf(process, image);
  const toUnit: UnitStep[] = [...steps, { step: "load", operand: 0 }, { step: "to_unit" }];
  if (makers === undefined) {
    const limit = "who makes its threads is not seen: the code of rb_thread_current is not of a known form";
    return { runtime: RUNTIME, version, unitKind: UnitKind.rubyFiber, steps: toUnit, limit, isFinal: true };
  }
  return {
    runtime: RUNTIME,
    version,
    unitKind: UnitKind.rubyFiber,
    steps: [...toUnit, { step: "add", operand: makers.toThread }, { step: "load", operand: 0 }, { step: "to_parent" }],
    uprobes: makers.uprobes,
    isFinal: true,
  };
}

async function makersOf(process: ProcessView, image: Image): Promise<Makers | undefined> {
  const current = await findSymbol(image.elf, "rb_thread_current");
  if (current === undefined || image.elf.machine !== ElfMachine.x86_64) return undefined;
  const toThread = threadOffset(await codeOf(image, current, CODE_LIMIT_BYTES));
  if (toThread === undefined) return undefined;
  const mappings = await process.mappings();
  const uprobes: UprobePlan[] = [];
  for (const [program, name] of Object.entries(WATCHED) as [keyof typeof WATCHED, string][]) {
    const symbol = await findSymbol(image.elf, name);
    const at = image.loadBias + (symbol?.value ?? 0);
    const mapping = mappings.find(
      ({ isExecutable, path, start, end }) => isExecutable && path === image.path && at >= start && at < end,
    );
    if (symbol === undefined || mapping === undefined) return undefined;
    const { start, end, fileOffset } = mapping;
    uprobes.push({ program, start, end, offset: at - start + fileOffset });
  }
  return { toThread, uprobes };
}

/**
 * Where an execution context names its thread, by the code of rb_thread_current: it loads the context (`mov (%rax),%rax`), from
 * it the thread and from that the object, each with an 8-bit displacement.
 */
export function threadOffset(code: Uint8Array): number | undefined {
  for (let at = 0; at + 11 <= code.length; at++) {
    if (!isLoad(code, at, ITSELF) || !isLoad(code, at + 3, FIELD) || !isLoad(code, at + 7, FIELD)) continue;
    const offset = code[at + 6]!;
    return offset < 0x80 && offset % 8 === 0 ? offset : undefined;
  }
  return undefined;
}

/** `mov X(%rax),%rax`, by its ModRM byte. */
function isLoad(code: Uint8Array, at: number, modRm: number): boolean {
  return code[at] === 0x48 && code[at + 1] === 0x8b && code[at + 2] === modRm;
}
