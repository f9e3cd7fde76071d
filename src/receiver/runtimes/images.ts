/** The ELF images of a process: where each is loaded, parsed once. */
import { type ElfFile, fileOffsetOf, readElf, readSection, sectionNamed } from "../elf/elf-file.ts";
import { type ElfSymbol, findSymbol } from "../elf/symbols.ts";
import type { MemoryMapping, ProcessView } from "./process-view.ts";

const MAX_NOTE_BYTES = 4096;

export interface Image {
  readonly path: string;
  readonly elf: ElfFile;
  /** Added to an address of the file gives the address in the process. */
  readonly loadBias: number;
}

/** Several recognisers look at the same image of a process. */
const known = new WeakMap<ProcessView, Map<string, Promise<Image | undefined>>>();

/** The image of the executable, or of the first mapped library whose file name matches. */
export function findImage(process: ProcessView, fileName: RegExp | "executable"): Promise<Image | undefined> {
  let images = known.get(process);
  if (images === undefined) {
    images = new Map();
    known.set(process, images);
  }
  let image = images.get(String(fileName));
  if (image === undefined) {
    image = readImage(process, fileName);
    images.set(String(fileName), image);
  }
  return image;
}

async function readImage(process: ProcessView, fileName: RegExp | "executable"): Promise<Image | undefined> {
  const mappings = await process.mappings();
  const isWanted = (mapping: MemoryMapping) =>
    fileName === "executable"
      ? mapping.path === process.executable
      : fileName.test(mapping.path.slice(mapping.path.lastIndexOf("/") + 1));
  const mapping = mappings.find((candidate) => candidate.path.startsWith("/") && isWanted(candidate));
  if (mapping === undefined) return undefined;
  const source = await process.file(mapping.path);
  const elf = source === undefined ? undefined : await readElf(source);
  if (elf === undefined) return undefined;
  const loadBias = biasOf(elf, mapping);
  return loadBias === undefined ? undefined : { path: mapping.path, elf, loadBias };
}

function biasOf(elf: ElfFile, mapping: MemoryMapping): number | undefined {
  if (!elf.isRelocatable) return 0;
  const PAGE = 4096;
  for (const segment of elf.segments) {
    const PT_LOAD = 1;
    if (segment.type !== PT_LOAD) continue;
    const pageOffset = segment.fileOffset - (segment.fileOffset % PAGE);
    if (pageOffset === mapping.fileOffset) return mapping.start - (segment.address - (segment.address % PAGE));
  }
  return undefined;
}

/** Address of a symbol in the process. */
export async function addressOf(image: Image, name: string): Promise<number | undefined> {
  const symbol = await findSymbol(image.elf, name);
  return symbol === undefined ? undefined : image.loadBias + symbol.value;
}

/** The machine code of a function, at most `limitBytes`. */
export async function codeOf(image: Image, symbol: ElfSymbol, limitBytes: number): Promise<Uint8Array> {
  const offset = fileOffsetOf(image.elf, symbol.value);
  return offset === undefined
    ? new Uint8Array()
    : image.elf.source.read(offset, Math.min(symbol.sizeBytes, limitBytes));
}

/** Equal for files with the same content. */
export async function buildIdOf({ elf }: Image): Promise<string | undefined> {
  const section = sectionNamed(elf, ".note.gnu.build-id");
  const note = section === undefined ? undefined : await readSection(elf, section, MAX_NOTE_BYTES);
  return note === undefined ? undefined : Buffer.from(note).toString("hex");
}
