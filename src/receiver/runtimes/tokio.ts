/**
 * Tokio 1.22+: the unit is the task, `current_task_id` in the thread-local `tokio::runtime::context::CONTEXT`, set
 * around each poll (tokio/src/runtime/task/core.rs, TaskIdGuard). The ids count up and are never used again.
 *
 * rustc orders the fields, so the offset is read from the code of TaskIdGuard::enter, which stores the new id.
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import { type ElfFile, ElfMachine, readSection, sectionNamed, u64, viewOf } from "../elf/elf-file.ts";
import { type ElfSymbol, scanSymbols } from "../elf/symbols.ts";
import { ByBuildId } from "./by-build-id.ts";
import { codeOf, findImage, type Image } from "./images.ts";
import type { MemoryMapping, ProcessView } from "./process-view.ts";
import { executableTlsOffset } from "./tls.ts";
import type { UnitFinding, UprobePlan } from "./unit-plan.ts";

const RUNTIME = "tokio";
const STT_TLS = 6;
const CODE_LIMIT_BYTES = 256;
const MAX_SPAWN_PLACES = 6;
const COMMENT_LIMIT_BYTES = 64 * 1024;
const CONSTANTS_LIMIT_BYTES = 32 * 1024 * 1024;
/** Where it panics, it names its source: strip keeps that, as long as a program says where it panics. */
const SOURCE = /\/tokio-1\.\d+\.\d+\/src\/runtime\//;

/** Of files: a process is looked at several times. */
const sources = new ByBuildId(hasSource);

const isContext = (name: Buffer) =>
  name.includes("tokio") && name.includes("context") && name.includes("CONTEXT") && name.includes("runtime");
const isWakerTable = (name: Buffer) =>
  name.includes("tokio") && name.includes("task") && name.includes("waker") && name.includes("WAKER_VTABLE");
const isBind = (name: Buffer) => name.includes("tokio") && name.includes("OwnedTasks") && name.includes("bind_inner");
const isEnter = (name: Buffer) => name.includes("TaskIdGuard") && name.includes("enter");

/** @returns undefined when the executable has no tokio in it, as far as its symbols tell */
export async function findTokio(process: ProcessView): Promise<UnitFinding | undefined> {
  const image = await findImage(process, "executable");
  if (image === undefined || image.elf.machine !== ElfMachine.x86_64 || !(await isRust(image.elf))) return undefined;
  const symbols = await scanSymbols(
    image.elf,
    ".symtab",
    ["CONTEXT", "WAKER_VTABLE", "bind_inner", "TaskIdGuard"],
    (name) => isContext(name) || isEnter(name) || isWakerTable(name) || isBind(name),
  );
  const context = symbols.find((symbol) => symbol.type === STT_TLS);
  if (context === undefined) return (await sources.of(image)) ? off("its symbols are stripped") : undefined;
  const tlsOffset = executableTlsOffset(image.elf, context.value);
  const enter = symbols.find((symbol) => isEnter(Buffer.from(symbol.name)));
  if (tlsOffset === undefined || enter === undefined)
    return off("TaskIdGuard::enter has no symbol: the offset of the task id is not known");
  const field = await fieldOffset(image, enter, tlsOffset);
  if (field === undefined) return off("the code of TaskIdGuard::enter is not of a known form");
  return {
    runtime: RUNTIME,
    version: "",
    unitKind: UnitKind.tokioTask,
    steps: [{ step: "thread_pointer", operand: tlsOffset + field }, { step: "load", operand: 0 }, { step: "to_unit" }],
    isFinal: true,
    ...(await uprobesOf(process, image, symbols)),
  };
}

/** Its tasks wander between threads, whether they are read or not. */
function off(reason: string): UnitFinding {
  return { runtime: RUNTIME, off: reason, wanders: true };
}

async function hasSource({ elf }: Image): Promise<boolean> {
  const section = sectionNamed(elf, ".rodata");
  const constants = section === undefined ? undefined : await readSection(elf, section, CONSTANTS_LIMIT_BYTES);
  return constants !== undefined && SOURCE.test(Buffer.from(constants).toString("latin1"));
}

/**
 * A client connection of hyper is a task of its own: for whom it writes only its waker knows (tokio/src/runtime/task/
 * waker.rs, a table of {clone, wake, wake_by_ref, drop}), and who spawned a task only the list that takes it in
 * (task/list.rs, OwnedTasks::bind_inner).
 */
async function uprobesOf(
  process: ProcessView,
  image: Image,
  symbols: readonly ElfSymbol[],
): Promise<{ uprobes: readonly UprobePlan[] } | undefined> {
  const named = (isWanted: (name: Buffer) => boolean) =>
    symbols.filter((symbol) => symbol.type !== STT_TLS && isWanted(Buffer.from(symbol.name)));
  const table = named(isWakerTable)[0];
  const pointers = table === undefined ? new Uint8Array() : await process.memory(image.loadBias + table.value, 32);
  if (pointers.length < 32) return undefined;
  const wakes = [u64(viewOf(pointers), 8), u64(viewOf(pointers), 16)];
  const spawns = named(isBind).map(({ value }) => image.loadBias + value);
  const mapping = (await process.mappings()).find(
    (candidate) => candidate.isExecutable && candidate.path === image.path && wakes.every((at) => isIn(candidate, at)),
  );
  if (mapping === undefined) return undefined;
  const { start, end, fileOffset } = mapping;
  const place = (program: "tokio_wake" | "tokio_spawn") => (at: number) => ({
    program,
    start,
    end,
    offset: at - start + fileOffset,
  });
  const uprobes = [
    ...wakes.map(place("tokio_wake")),
    ...spawns
      .filter((at) => isIn(mapping, at))
      .slice(0, MAX_SPAWN_PLACES)
      .map(place("tokio_spawn")),
  ];
  return { uprobes };
}

function isIn(mapping: MemoryMapping, address: number): boolean {
  return address >= mapping.start && address < mapping.end;
}

/** rustc signs the .comment section, which strip keeps: symbol tables of other programs need not be read. */
async function isRust(elf: ElfFile): Promise<boolean> {
  const section = sectionNamed(elf, ".comment");
  const comment = section === undefined ? undefined : await readSection(elf, section, COMMENT_LIMIT_BYTES);
  return comment !== undefined && Buffer.from(comment).includes("rustc");
}

/**
 * Looks for the store of the id: `mov %r, D(%base)` with an 8-bit displacement, or `mov %r, %fs:X`. The function
 * loads the old id from and stores the new one to the same place, so exactly one displacement is both.
 */
async function fieldOffset(
  image: Image,
  enter: Parameters<typeof codeOf>[1],
  tlsOffset: number,
): Promise<number | undefined> {
  const code = await codeOf(image, enter, CODE_LIMIT_BYTES);
  const loads = new Set<number>();
  const stores = new Set<number>();
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  for (let at = 0; at + 3 < code.length; at++) {
    const isFs = code[at] === 0x64;
    const rexAt = isFs ? at + 1 : at;
    const rex = code[rexAt] ?? 0;
    const opcode = code[rexAt + 1] ?? 0;
    const isMove64 = (rex & 0xf8) === 0x48 && (opcode === 0x89 || opcode === 0x8b);
    if (!isMove64) continue;
    const displacement = displacementOf(view, rexAt + 2, isFs, tlsOffset);
    if (displacement !== undefined) (opcode === 0x89 ? stores : loads).add(displacement);
  }
  const both = [...stores].filter((displacement) => loads.has(displacement));
  return both.length === 1 ? both[0] : undefined;
}

/** Of the ModRM operand at `at`, as an offset into CONTEXT; undefined for other addressing. */
function displacementOf(view: DataView, at: number, isFs: boolean, tlsOffset: number): number | undefined {
  const modRm = view.getUint8(at);
  const mode = modRm >> 6;
  const base = modRm & 7;
  if (isFs) {
    const isAbsolute = mode === 0 && base === 4 && at + 6 <= view.byteLength && view.getUint8(at + 1) === 0x25;
    return isAbsolute ? plausible(view.getInt32(at + 2, true) - tlsOffset) : undefined;
  }
  const STACK = 4;
  if (mode !== 1 || base === STACK || at + 1 >= view.byteLength) return undefined;
  return plausible(view.getInt8(at + 1));
}

function plausible(offset: number): number | undefined {
  return offset >= 0 && offset < 512 && offset % 8 === 0 ? offset : undefined;
}
