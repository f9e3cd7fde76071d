/**
 * Thread-local variables, as steps from the thread pointer (Drepper, "ELF Handling For Thread-Local Storage", x86-64:
 * variant II, glibc's dtv). Only x86-64: elsewhere there are no steps, and the runtime is switched off.
 */
import { type ElfFile, ElfMachine, readSection, sectionNamed, tlsSegment, u64, viewOf } from "../elf/elf-file.ts";
import type { Image } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import type { UnitStep } from "./unit-plan.ts";

const R_X86_64_DTPMOD64 = 16;
const RELA_BYTES = 24;
const MAX_RELOCATION_BYTES = 32 << 20;
const DTV_POINTER_OFFSET = 8;
const DTV_ENTRY_BYTES = 16;
const MAX_MODULES = 4096;

/** Distance of a variable of the main executable from the thread pointer: negative. */
export function executableTlsOffset(elf: ElfFile, symbolValue: number): number | undefined {
  const segment = tlsSegment(elf);
  if (segment === undefined || elf.machine !== ElfMachine.x86_64) return undefined;
  const alignment = Math.max(1, segment.alignment);
  return symbolValue - Math.ceil(segment.memorySizeBytes / alignment) * alignment;
}

/** The steps to the address of a shared library's variable; undefined where the module is unknown. */
export async function libraryTlsSteps(
  process: ProcessView,
  image: Image,
  symbolValue: number,
): Promise<readonly UnitStep[] | undefined> {
  const moduleId = await moduleIdOf(process, image);
  if (moduleId === undefined) return undefined;
  return [
    { step: "thread_pointer", operand: DTV_POINTER_OFFSET },
    { step: "load", operand: DTV_ENTRY_BYTES * moduleId },
    { step: "load", operand: symbolValue },
  ];
}

/** The dynamic linker has written the module's id where a DTPMOD64 relocation of the module itself points. */
async function moduleIdOf(process: ProcessView, image: Image): Promise<number | undefined> {
  if (image.elf.machine !== ElfMachine.x86_64) return undefined;
  const section = sectionNamed(image.elf, ".rela.dyn");
  const bytes = section === undefined ? undefined : await readSection(image.elf, section, MAX_RELOCATION_BYTES);
  if (bytes === undefined) return undefined;
  const view = viewOf(bytes);
  for (let at = 0; at + RELA_BYTES <= bytes.length; at += RELA_BYTES) {
    const isOwnModule = view.getUint32(at + 8, true) === R_X86_64_DTPMOD64 && view.getUint32(at + 12, true) === 0;
    if (!isOwnModule) continue;
    const slot = await process.memory(image.loadBias + u64(view, at), 8);
    if (slot.length < 8) return undefined;
    const moduleId = u64(viewOf(slot), 0);
    return moduleId > 0 && moduleId < MAX_MODULES ? moduleId : undefined;
  }
  return undefined;
}
