/** What the unwinder needs of an ELF image: its table, compiled, and how addresses of a process map to its own. */
import type { ByteSource } from "../elf/byte-source.ts";
import { type ElfFile, ElfMachine, readElf, readSection, sectionNamed } from "../elf/elf-file.ts";
import { readGoLineTable } from "../symbols/go-image.ts";
import { type CompiledRows, compileGoRows, compileRows, mergeRows } from "./compile-rows.ts";

const PT_LOAD = 1;
const PAGE_BYTES = 4096;
const MAX_TABLE_BYTES = 64 << 20;
const MAX_NOTE_BYTES = 256;
/** Shorter ones are made by hand and name nothing. */
const MIN_ID_BYTES = 8;

export interface ImageLayout {
  /** The lowest address, from which rows count. */
  readonly baseAddress: number;
  readonly segments: ElfFile["segments"];
}

interface ReadImage {
  readonly layout: ImageLayout;
  /** The linker's, in hex: the same bytes have the same. */
  readonly buildId: string | undefined;
  /** undefined: none, or none that fits. */
  compile(rowLimit: number): Promise<CompiledRows | undefined>;
}

/** @returns undefined for what is no x86-64 ELF file */
export async function readImage(source: ByteSource): Promise<ReadImage | undefined> {
  const elf = await readElf(source);
  if (elf === undefined || elf.machine !== ElfMachine.x86_64) return undefined;
  const layout = layoutOf(elf);
  if (layout === undefined) return undefined;
  const { baseAddress } = layout;
  return {
    layout,
    buildId: await readBuildId(elf),
    compile: async (rowLimit) => {
      const section = sectionNamed(elf, ".eh_frame");
      const bytes = section === undefined ? undefined : await readSection(elf, section, MAX_TABLE_BYTES);
      const native =
        section === undefined || bytes === undefined
          ? undefined
          : compileRows(bytes, section.address, baseAddress, rowLimit);
      const table = await readGoLineTable(elf);
      const go = table === undefined ? undefined : compileGoRows(table, baseAddress, rowLimit);
      return native === undefined || go === undefined ? (native ?? go) : mergeRows(native, go);
    },
  };
}

export function layoutOf(elf: ElfFile): ImageLayout | undefined {
  const loaded = elf.segments.filter((segment) => segment.type === PT_LOAD);
  if (loaded.length === 0) return undefined;
  return {
    baseAddress: Math.min(...loaded.map(({ address }) => address - (address % PAGE_BYTES))),
    segments: loaded,
  };
}

/**
 * Process address minus image address, counted from the image's base.
 * @param mapping executable; undefined: no segment lies there
 */
export function biasOf(
  { baseAddress, segments }: ImageLayout,
  mapping: { readonly start: number; readonly fileOffset: number },
): number | undefined {
  for (const { fileOffset, fileSizeBytes, address, isExecutable } of segments) {
    // A page that two segments share is mapped for each of them.
    if (!isExecutable) continue;
    const pageOffset = fileOffset - (fileOffset % PAGE_BYTES);
    if (mapping.fileOffset < pageOffset || mapping.fileOffset >= fileOffset + fileSizeBytes) continue;
    return mapping.start - (address - fileOffset + mapping.fileOffset) + baseAddress;
  }
  return undefined;
}

/** .note.gnu.build-id: an Elf64_Nhdr, the name "GNU", then the id (System V gABI, chapter 5, "Note Section"). */
async function readBuildId(elf: ElfFile): Promise<string | undefined> {
  const section = sectionNamed(elf, ".note.gnu.build-id");
  const note = section === undefined ? undefined : await readSection(elf, section, MAX_NOTE_BYTES);
  if (note === undefined || note.length < 16 + MIN_ID_BYTES) return undefined;
  return Buffer.from(note.subarray(16)).toString("hex");
}
