/** The names in one executable file: whatever tables it, and its separate debug file, have. */
import { crc32 } from "node:zlib";
import type { FrameLine } from "../../mapping/profile.ts";
import type { Attribute } from "../../mapping/span.ts";
import type { DebugLine } from "../debug-info/debug-info.ts";
import type { ByteSource } from "../elf/byte-source.ts";
import { addressOfOffset, cString, type ElfFile, readElf, readSection, sectionNamed, viewOf } from "../elf/elf-file.ts";
import { type BuildIds, buildIdAttributes, hostTailHash, readBuildIds } from "./build-id.ts";
import { demangle, languageOf } from "./demangle.ts";
import { type FunctionTable, readFunctionTable } from "./function-table.ts";
import { readGoLineTable } from "./go-image.ts";
import type { GoLineTable } from "./go-line-table.ts";

/** Larger tables (a browser with debug information) are left out. */
const TABLE_LIMIT_BYTES = 64 << 20;
/** A debug file whose build id says nothing is read whole for its checksum. */
const CHECKSUM_LIMIT_BYTES = 64 << 20;
const READ_BYTES = 1 << 20;

interface DebugFileQuery {
  readonly buildId: string | undefined;
  readonly linkName: string | undefined;
}

export interface SizedSource extends ByteSource {
  readonly sizeBytes: number;
}

export interface ElfImageInput {
  readonly source: SizedSource;
  readonly findDebugFile: (query: DebugFileQuery) => Promise<SizedSource | undefined>;
}

interface ImageFrame {
  /** profile.frame.type */
  readonly type: string;
  /** None: no function is known there. */
  readonly lines: readonly FrameLine[];
}

/** In which file there is debug information: in the very one, or in a separate one. */
type DebugInfoPlace = "own" | "separate";

export class ElfImage {
  readonly debugInfo: DebugInfoPlace | undefined;
  /** process.executable.build_id.*, for the mapping. */
  readonly attributes: readonly Attribute[];
  readonly #elf: Pick<ElfFile, "segments">;
  readonly #functions: readonly FunctionTable[];
  readonly #go: GoLineTable | undefined;

  private constructor(
    elf: ElfFile,
    attributes: readonly Attribute[],
    functions: readonly FunctionTable[],
    go: GoLineTable | undefined,
    debugInfo: DebugInfoPlace | undefined,
  ) {
    this.#elf = { segments: elf.segments };
    this.attributes = attributes;
    this.#functions = functions;
    this.#go = go;
    this.debugInfo = debugInfo;
  }

  /** @returns undefined when the file is no ELF file of 64 bits */
  static async read({ source, findDebugFile }: ElfImageInput): Promise<ElfImage | undefined> {
    const elf = await readElf(source);
    if (elf === undefined) return undefined;
    const ids = await readBuildIds(elf);
    const attributes = buildIdAttributes(ids, await hostTailHash(source, source.sizeBytes));
    const go = await readGoLineTable(elf);
    // Go's table has all that is Go's; what cgo brought in is in the symbol table, where there is one.
    const { tables, debugInfo } = await functionTables(elf, ids, findDebugFile);
    return new ElfImage(elf, attributes, tables, go, debugInfo);
  }

  /** The file that `debugInfo` says, opened anew: readers close what is idle. */
  async openDebugInfo({ source, findDebugFile }: ElfImageInput): Promise<ElfFile | undefined> {
    const elf = this.debugInfo === undefined ? undefined : await readElf(source);
    if (elf === undefined || this.debugInfo === "own") return elf;
    return await debugElf(elf, await readBuildIds(elf), findDebugFile);
  }

  /** Where debug information is to be asked for; undefined where it has nothing to add. */
  debugAddress(fileOffset: number): number | undefined {
    if (this.debugInfo === undefined) return undefined;
    const address = addressOfOffset(this.#elf as ElfFile, fileOffset);
    return address === undefined || this.#go?.linesAt(address) !== undefined ? undefined : address;
  }

  get sizeBytes(): number {
    return this.#functions.reduce((sum, table) => sum + table.sizeBytes, 4096) + (this.#go?.sizeBytes ?? 0);
  }

  /**
   * @param fileOffset of the instruction in the file
   * @param debug what debug information says of it
   */
  frameAt(fileOffset: number, debug: readonly DebugLine[] = []): ImageFrame {
    const address = addressOfOffset(this.#elf as ElfFile, fileOffset);
    if (address === undefined) return { type: "native", lines: [] };
    const goLines = this.#go?.linesAt(address);
    if (goLines !== undefined) return { type: "go", lines: goLines };
    for (const table of this.#functions) {
      const name = table.nameAt(address);
      if (name === undefined || name === "") continue;
      const type = languageOf(name) === "rust" ? "rust" : "native";
      return { type, lines: withDebug(demangle(name), debug) };
    }
    return { type: "native", lines: withDebug(undefined, debug) };
  }
}

/**
 * The symbol's name wins: it is the one of the very code, clones told apart.
 * An inlined function that has no name is left out; whoever called it stays.
 */
function withDebug(symbol: string | undefined, debug: readonly DebugLine[]): FrameLine[] {
  const own = debug.at(-1) ?? { functionName: undefined, fileName: undefined, lineNumber: 0 };
  const all = [...debug.slice(0, -1), { ...own, functionName: symbol ?? own.functionName }];
  return all.filter((line): line is FrameLine => line.functionName !== undefined);
}

/** .symtab of the file, else of its debug file; .dynsym beside it, for what the other does not have. */
async function functionTables(
  elf: ElfFile,
  ids: BuildIds,
  findDebugFile: ElfImageInput["findDebugFile"],
): Promise<{ readonly tables: FunctionTable[]; readonly debugInfo: DebugInfoPlace | undefined }> {
  const own = await readFunctionTable(elf, ".symtab", TABLE_LIMIT_BYTES);
  const hasOwn = hasDebugInfo(elf);
  if (own !== undefined && (hasOwn || sectionNamed(elf, ".gnu_debuglink") === undefined)) {
    return { tables: [own], debugInfo: hasOwn ? "own" : undefined };
  }
  const debug = await debugElf(elf, ids, findDebugFile);
  const isSeparate = debug !== undefined && hasDebugInfo(debug);
  const debugInfo = hasOwn ? "own" : isSeparate ? "separate" : undefined;
  if (own !== undefined) return { tables: [own], debugInfo };
  const tables = [
    debug === undefined ? undefined : await readFunctionTable(debug, ".symtab", TABLE_LIMIT_BYTES),
    await readFunctionTable(elf, ".dynsym", TABLE_LIMIT_BYTES),
  ];
  return { tables: tables.filter((table) => table !== undefined), debugInfo };
}

function hasDebugInfo(elf: ElfFile): boolean {
  const section = sectionNamed(elf, ".debug_info");
  const SHT_NOBITS = 8;
  return section !== undefined && section.type !== SHT_NOBITS && section.sizeBytes > 0;
}

/** Never one that is not this file's: by the same build id, else by the checksum in .gnu_debuglink. */
async function debugElf(
  elf: ElfFile,
  { gnu }: BuildIds,
  findDebugFile: ElfImageInput["findDebugFile"],
): Promise<ElfFile | undefined> {
  const link = await debugLink(elf);
  if (gnu === undefined && link === undefined) return undefined;
  const source = await findDebugFile({ buildId: gnu, linkName: link?.name });
  const debug = source === undefined ? undefined : await readElf(source);
  if (source === undefined || debug === undefined) return undefined;
  // Sections of a debug file that hold no bytes keep their flags and addresses, and so does its symbol table.
  const theirs = (await readBuildIds(debug)).gnu ?? (await buildIdSection(debug));
  if (gnu !== undefined && theirs !== undefined) return gnu === theirs ? debug : undefined;
  return link !== undefined && (await checksum(source)) === link.checksum ? debug : undefined;
}

async function debugLink(elf: ElfFile): Promise<{ name: string; checksum: number } | undefined> {
  const section = sectionNamed(elf, ".gnu_debuglink");
  const bytes = section === undefined ? undefined : await readSection(elf, section, 4096);
  if (bytes === undefined || bytes.length < 8) return undefined;
  const name = cString(bytes, 0);
  if (name === "" || name === "." || name === ".." || name.includes("/") || name.length > 255) return undefined;
  return { name, checksum: viewOf(bytes).getUint32(bytes.length - 4, true) };
}

/** In a debug file the PT_NOTE segment's bytes are gone, the section's are not. */
async function buildIdSection(elf: ElfFile): Promise<string | undefined> {
  const section = sectionNamed(elf, ".note.gnu.build-id");
  if (section === undefined) return undefined;
  const { fileOffset, sizeBytes } = section;
  const PT_NOTE = 4;
  const note = { type: PT_NOTE, fileOffset, fileSizeBytes: sizeBytes } as ElfFile["segments"][number];
  return (await readBuildIds({ source: elf.source, segments: [note] })).gnu;
}

async function checksum(source: SizedSource): Promise<number | undefined> {
  if (source.sizeBytes > CHECKSUM_LIMIT_BYTES) return undefined;
  let value = 0;
  for (let at = 0; at < source.sizeBytes; at += READ_BYTES) {
    value = crc32(Buffer.from(await source.read(at, READ_BYTES)), value);
  }
  return value;
}
