/**
 * Where the threads of a process have `otel_thread_ctx_v1`, the pointer to what an SDK says of them (OTEP 4947, "Thread-Local
 * Variable Resolution"). How the image that defines it refers to it says how the loader has placed it.
 */
import type { ThreadContextPlace } from "../../bpf/layout.gen.ts";
import { cString, type ElfFile, ElfMachine, readSection, sectionNamed, u64, viewOf } from "../elf/elf-file.ts";
import { findByGnuHash } from "../elf/gnu-hash.ts";
import { type ElfSymbol, scanSymbols } from "../elf/symbols.ts";
import { executableTlsOffset } from "../runtimes/tls.ts";

const VARIABLE = "otel_thread_ctx_v1";
const RAW_VARIABLE = Buffer.from(VARIABLE);
const STT_TLS = 6;
const PT_INTERP = 3;
const PT_TLS = 7;
const RELA_BYTES = 24;
const SYMBOL_BYTES = 24;
const MAX_RELOCATION_BYTES = 32 << 20;
const MAX_MODULES = 4096;
/** The static blocks of all libraries together are much smaller. */
const MAX_STATIC_BYTES = 1 << 30;

/** psABI for x86-64, table 4.9. */
const Relocation = { dtpmod64: 16, tpoff64: 18, tlsdesc: 36 } as const;

/** What an image says of the variable; the same for every process that maps it. */
export type ContextVariable =
  /** In the block of the executable, whose distance from the thread pointer is known beforehand. */
  | { readonly access: "local_exec"; readonly offset: number }
  /** The loader has written the distance to `slot`. */
  | { readonly access: "initial_exec"; readonly slot: number }
  /** A descriptor at `slot`: its argument is the distance, or points to module and offset. */
  | { readonly access: "descriptor"; readonly slot: number; readonly addend: number }
  /** Module and offset at `slot`; `offset` where only the module is written there. */
  | { readonly access: "dynamic"; readonly slot: number; readonly offset: number | undefined };

interface RelocatedImage {
  readonly variable: ContextVariable;
  readonly loadBias: number;
}

/** @returns undefined when the image does not define it, as nearly none does */
export async function findContextVariable(elf: ElfFile): Promise<ContextVariable | undefined> {
  if (elf.machine !== ElfMachine.x86_64 || !elf.segments.some(({ type }) => type === PT_TLS)) return undefined;
  const hashed = await findByGnuHash(elf, VARIABLE);
  // null: the table says that it is not there. It has to be exported, also by what is linked statically.
  const symbol = hashed === undefined ? (await scanSymbols(elf, ".dynsym", [VARIABLE], isVariable))[0] : hashed;
  if (symbol === undefined || symbol === null || symbol.type !== STT_TLS) return undefined;
  return (await relocated(elf, symbol)) ?? ownBlock(elf, symbol);
}

/** As the loader of the process has placed it; undefined: not yet, or what it says makes no sense. */
export async function placeOf(
  { variable, loadBias }: RelocatedImage,
  memory: (address: number, lengthBytes: number) => Promise<Uint8Array>,
  isMusl: boolean,
): Promise<ThreadContextPlace | undefined> {
  const entrySize = isMusl ? 8 : 16;
  const fixed = (offset: number) => ({ offset, module: 0, entrySize });
  const inModule = (module: number, offset: number) =>
    module > 0 && module < MAX_MODULES && offset < MAX_STATIC_BYTES ? { offset, module, entrySize } : undefined;
  if (variable.access === "local_exec") return fixed(variable.offset);
  const slot = viewOf(await memory(loadBias + variable.slot, 16));
  if (slot.byteLength < 16) return undefined;
  switch (variable.access) {
    case "initial_exec": {
      const offset = slot.getBigInt64(0, true);
      return isStatic(offset) ? fixed(Number(offset)) : undefined;
    }
    case "dynamic":
      return inModule(u64(slot, 0), variable.offset ?? u64(slot, 8));
    case "descriptor": {
      const argument = slot.getBigInt64(8, true);
      if (isStatic(argument)) return fixed(Number(argument) + variable.addend);
      if (argument <= 0n) return undefined;
      const index = viewOf(await memory(Number(argument), 16));
      return index.byteLength < 16 ? undefined : inModule(u64(index, 0), u64(index, 8) + variable.addend);
    }
  }
}

/** Blocks that are there from the start lie below the thread pointer (variant II). */
function isStatic(offset: bigint): boolean {
  return offset < 0n && offset > -BigInt(MAX_STATIC_BYTES);
}

function isVariable(name: Buffer): boolean {
  return name.equals(RAW_VARIABLE);
}

function ownBlock(elf: ElfFile, { value }: ElfSymbol): ContextVariable | undefined {
  const isExecutable = !elf.isRelocatable || elf.segments.some(({ type }) => type === PT_INTERP);
  const offset = isExecutable ? executableTlsOffset(elf, value) : undefined;
  return offset === undefined ? undefined : { access: "local_exec", offset };
}

async function relocated(elf: ElfFile, symbol: ElfSymbol): Promise<ContextVariable | undefined> {
  const names = await dynamicNames(elf);
  let ofModule: ContextVariable | undefined;
  for (const table of [".rela.dyn", ".rela.plt"]) {
    const section = sectionNamed(elf, table);
    const bytes = section === undefined ? undefined : await readSection(elf, section, MAX_RELOCATION_BYTES);
    if (bytes === undefined) continue;
    const view = viewOf(bytes);
    for (let at = 0; at + RELA_BYTES <= bytes.length; at += RELA_BYTES) {
      const type = view.getUint32(at + 8, true);
      if (type !== Relocation.dtpmod64 && type !== Relocation.tpoff64 && type !== Relocation.tlsdesc) continue;
      const slot = u64(view, at);
      const symbolIndex = view.getUint32(at + 12, true);
      if (symbolIndex !== 0) {
        if (names(symbolIndex) === VARIABLE) return accessOf(type, slot);
      } else if (type === Relocation.tlsdesc && u64(view, at + 16) === symbol.value) {
        // The linker has bound the symbol: it lies where the addend says.
        return { access: "descriptor", slot, addend: 0 };
      } else if (type === Relocation.tpoff64 && u64(view, at + 16) === symbol.value) {
        return { access: "initial_exec", slot };
      } else if (type === Relocation.dtpmod64) {
        ofModule ??= { access: "dynamic", slot, offset: symbol.value };
      }
    }
  }
  return ofModule;
}

function accessOf(type: number, slot: number): ContextVariable {
  if (type === Relocation.tlsdesc) return { access: "descriptor", slot, addend: 0 };
  if (type === Relocation.tpoff64) return { access: "initial_exec", slot };
  return { access: "dynamic", slot, offset: undefined };
}

async function dynamicNames(elf: ElfFile): Promise<(index: number) => string> {
  const section = sectionNamed(elf, ".dynsym");
  const strings = section === undefined ? undefined : elf.sections[section.link];
  if (section === undefined || strings === undefined) return () => "";
  const entries = await readSection(elf, section, MAX_RELOCATION_BYTES);
  const names = await readSection(elf, strings, MAX_RELOCATION_BYTES);
  if (entries === undefined || names === undefined) return () => "";
  const view = viewOf(entries);
  return (index) => {
    const at = index * SYMBOL_BYTES;
    return at + 4 <= entries.length ? cString(names, view.getUint32(at, true)) : "";
  };
}
