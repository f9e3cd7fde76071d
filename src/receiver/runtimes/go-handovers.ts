/**
 * Where uprobes see goroutines hand something over (bpf/unit/go_handover.bpf.h): functions of package runtime that are called
 * when the other end waits already (runtime/chan.go, runtime/sema.go). runtime.goready, behind all of them, is inlined.
 */
import type { UprobeProgram } from "../../ipc/messages.ts";
import { fileOffsetOf } from "../elf/elf-file.ts";
import type { GoFunction } from "../elf/go-functions.ts";
import type { Image } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import type { UprobePlan } from "./unit-plan.ts";

export interface NamedProgram {
  readonly name: string;
  readonly program: UprobeProgram;
}

const PROGRAMS: readonly NamedProgram[] = [
  { name: "runtime.send", program: "go_send" },
  { name: "runtime.recv", program: "go_receive" },
  { name: "runtime.closechan", program: "go_close" },
  { name: "runtime.readyWithTime", program: "go_release" },
];

export const HANDOVER_FUNCTIONS: readonly string[] = PROGRAMS.map(({ name }) => name);

const PROLOGUE_BYTES = 32;
const PUSH_FRAME_POINTER = 0x55;

/** @returns undefined where one of the functions is missing: what is handed over unseen would make the rest lie */
export function handoversOf(
  process: ProcessView,
  image: Image,
  functions: readonly GoFunction[],
): Promise<readonly UprobePlan[] | undefined> {
  return probesOf(process, image, functions, PROGRAMS);
}

/** Each program at the entry of its function. @returns undefined where one of the functions is missing */
export async function probesOf(
  process: ProcessView,
  image: Image,
  functions: readonly GoFunction[],
  programs: readonly NamedProgram[],
): Promise<readonly UprobePlan[] | undefined> {
  const places = await Promise.all(
    programs.map(async ({ name, program }) => {
      const found = functions.find((candidate) => candidate.name === name);
      const offset = found && fileOffsetOf(image.elf, found.address);
      if (found === undefined || offset === undefined) return undefined;
      const code = await image.elf.source.read(offset, Math.min(PROLOGUE_BYTES, found.sizeBytes));
      const skipped = stackCheckBytes(code);
      return { program, offset: offset + skipped, address: image.loadBias + found.address + skipped };
    }),
  );
  const probes = places.filter((place) => place !== undefined);
  if (probes.length < programs.length) return undefined;
  const mapping = (await process.mappings()).find(
    ({ isExecutable, path, start, end }) =>
      isExecutable && path === image.path && probes.every(({ address }) => address >= start && address < end),
  );
  if (mapping === undefined) return undefined;
  const { start, end } = mapping;
  return probes.map(({ program, offset }) => ({ program, start, end, offset }));
}

/**
 * A function begins with a look at the stack's bound, `cmp 0x10(%r14), %rsp; jbe`, and comes back there when the stack
 * has grown. Behind it, from 1.21 on, is `push %rbp`: passed once for each call, and the kernel emulates it, where it
 * would have to step over the comparison.
 */
export function stackCheckBytes(code: Uint8Array): number {
  if (code[0] === PUSH_FRAME_POINTER) return 0;
  for (let at = 0; at + 8 < code.length; at++) {
    if (code[at] !== 0x3b || code[at + 1] !== 0x66 || code[at + 2] !== 0x10) continue;
    const isShort = code[at + 3] === 0x76;
    const isNear = code[at + 3] === 0x0f && code[at + 4] === 0x86;
    const next = at + (isShort ? 5 : 9);
    return (isShort || isNear) && code[next] === PUSH_FRAME_POINTER ? next : 0;
  }
  return 0;
}
