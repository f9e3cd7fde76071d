/** The DWARF sections of one file, a stretch at a time; compressed ones (System V gABI, "Section Compression") whole, within a limit. */
import { inflate } from "node:zlib";
import { type ElfFile, readSection, type Section, u64, viewOf } from "../elf/elf-file.ts";

const COMPRESSION_HEADER_BYTES = 24;
const ELFCOMPRESS_ZLIB = 1;
const INFLATED_LIMIT_BYTES = 48 << 20;
const NO_BYTES = new Uint8Array(0);

type DebugSectionName =
  | ".debug_info"
  | ".debug_abbrev"
  | ".debug_line"
  | ".debug_line_str"
  | ".debug_str"
  | ".debug_str_offsets"
  | ".debug_addr"
  | ".debug_ranges"
  | ".debug_rnglists";

export class DebugSections {
  readonly #elf: ElfFile;
  readonly #sections: ReadonlyMap<string, Section>;
  readonly #inflated = new Map<string, Promise<Uint8Array>>();
  #sizeBytes = 0;

  constructor(elf: ElfFile) {
    this.#elf = elf;
    this.#sections = new Map(elf.sections.filter(hasBytes).map((section) => [section.name, section]));
  }

  /** What it holds in memory: sections that were inflated. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Fewer bytes than asked at the end of the section; none where there is no section that can be read. */
  async read(name: DebugSectionName, offset: number, lengthBytes: number): Promise<Uint8Array> {
    const section = this.#sections.get(name);
    if (section === undefined || !(offset >= 0 && lengthBytes > 0)) return NO_BYTES;
    if (section.isCompressed) return (await this.#whole(section)).subarray(offset, offset + lengthBytes);
    const length = Math.min(lengthBytes, section.sizeBytes - offset);
    return length <= 0 ? NO_BYTES : await this.#elf.source.read(section.fileOffset + offset, length);
  }

  /** Up to its NUL. */
  async string(name: DebugSectionName, offset: number, limitBytes = 2048): Promise<string> {
    const bytes = await this.read(name, offset, limitBytes);
    const end = bytes.indexOf(0);
    return Buffer.from(bytes.subarray(0, end < 0 ? bytes.length : end)).toString("utf8");
  }

  #whole(section: Section): Promise<Uint8Array> {
    let bytes = this.#inflated.get(section.name);
    if (bytes === undefined) {
      bytes = this.#inflate(section);
      this.#inflated.set(section.name, bytes);
    }
    return bytes;
  }

  async #inflate(section: Section): Promise<Uint8Array> {
    const bytes = await inflated(this.#elf, section);
    this.#sizeBytes += bytes.length;
    return bytes;
  }
}

/** In an executable whose debug information is elsewhere, and in debug files for everything else, sections hold nothing. */
function hasBytes({ type, sizeBytes }: Section): boolean {
  const SHT_NOBITS = 8;
  return type !== SHT_NOBITS && sizeBytes > 0;
}

async function inflated(elf: ElfFile, section: Section): Promise<Uint8Array> {
  const bytes = await readSection(elf, section, INFLATED_LIMIT_BYTES);
  if (bytes === undefined || bytes.length < COMPRESSION_HEADER_BYTES) return NO_BYTES;
  const view = viewOf(bytes);
  const sizeBytes = u64(view, 8);
  if (view.getUint32(0, true) !== ELFCOMPRESS_ZLIB || sizeBytes > INFLATED_LIMIT_BYTES) return NO_BYTES;
  return await new Promise((resolve) => {
    inflate(bytes.subarray(COMPRESSION_HEADER_BYTES), { maxOutputLength: Math.max(1, sizeBytes) }, (error, result) =>
      resolve(error === null ? result : NO_BYTES),
    );
  });
}
