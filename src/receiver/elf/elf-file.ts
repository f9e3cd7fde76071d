/**
 * A bounded reader of ELF64 little-endian files (System V gABI, chapters 4 and 5). The files belong to traced
 * processes: every offset and count is checked, and what is out of bounds makes the piece absent, never an exception.
 */
import type { ByteSource } from "./byte-source.ts";

export const ElfMachine = { x86_64: 62, aarch64: 183 } as const;

const PT_LOAD = 1;
const PT_TLS = 7;
const SHF_EXECINSTR = 4;
const SHF_COMPRESSED = 0x800;
const MAX_HEADERS = 4096;
/** Entries are 56 and 64 bytes; a file may leave room, but not make us read megabytes for it. */
const MAX_ENTRY_BYTES = 128;
const MAX_NAMES_BYTES = 1 << 20;

export interface Segment {
  readonly type: number;
  readonly fileOffset: number;
  readonly address: number;
  readonly fileSizeBytes: number;
  readonly memorySizeBytes: number;
  readonly alignment: number;
  readonly isExecutable: boolean;
}

export interface Section {
  readonly name: string;
  readonly type: number;
  readonly isExecutable: boolean;
  readonly isCompressed: boolean;
  readonly address: number;
  readonly fileOffset: number;
  readonly sizeBytes: number;
  readonly link: number;
  readonly entrySizeBytes: number;
}

export interface ElfFile {
  readonly source: ByteSource;
  readonly machine: number;
  /** ET_DYN: shared library or position-independent executable. */
  readonly isRelocatable: boolean;
  readonly segments: readonly Segment[];
  readonly sections: readonly Section[];
}

export function u64(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * 0x1_0000_0000 + view.getUint32(offset, true);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function cString(bytes: Uint8Array, offset: number): string {
  if (offset < 0 || offset >= bytes.length) return "";
  let end = offset;
  while (end < bytes.length && bytes[end] !== 0 && end - offset < 4096) end++;
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, end - offset).toString("latin1");
}

/** @returns undefined when it is no ELF64 little-endian file */
export async function readElf(source: ByteSource): Promise<ElfFile | undefined> {
  const header = await source.read(0, 64);
  if (header.length < 64) return undefined;
  const view = viewOf(header);
  const isElf64Little = view.getUint32(0, false) === 0x7f454c46 && header[4] === 2 && header[5] === 1;
  if (!isElf64Little) return undefined;
  const segments = await readSegments(source, u64(view, 32), view.getUint16(54, true), view.getUint16(56, true));
  const sections = await readSections(source, view);
  return {
    source,
    machine: view.getUint16(18, true),
    isRelocatable: view.getUint16(16, true) === 3,
    segments,
    sections,
  };
}

async function readSegments(source: ByteSource, offset: number, entrySize: number, count: number): Promise<Segment[]> {
  if (entrySize < 56 || entrySize > MAX_ENTRY_BYTES || count > MAX_HEADERS) return [];
  const bytes = await source.read(offset, entrySize * count);
  const view = viewOf(bytes);
  const segments: Segment[] = [];
  for (let at = 0; at + 56 <= bytes.length; at += entrySize)
    segments.push({
      type: view.getUint32(at, true),
      isExecutable: (view.getUint32(at + 4, true) & 1) !== 0,
      fileOffset: u64(view, at + 8),
      address: u64(view, at + 16),
      fileSizeBytes: u64(view, at + 32),
      memorySizeBytes: u64(view, at + 40),
      alignment: u64(view, at + 48),
    });
  return segments;
}

async function readSections(source: ByteSource, header: DataView): Promise<Section[]> {
  const entrySize = header.getUint16(58, true);
  const count = header.getUint16(60, true);
  if (entrySize < 64 || entrySize > MAX_ENTRY_BYTES || count === 0 || count > MAX_HEADERS) return [];
  const bytes = await source.read(u64(header, 40), entrySize * count);
  const view = viewOf(bytes);
  const namesAt = header.getUint16(62, true) * entrySize;
  const names =
    namesAt + 64 <= bytes.length
      ? await source.read(u64(view, namesAt + 24), Math.min(u64(view, namesAt + 32), MAX_NAMES_BYTES))
      : new Uint8Array();
  const sections: Section[] = [];
  for (let at = 0; at + 64 <= bytes.length; at += entrySize)
    sections.push({
      name: cString(names, view.getUint32(at, true)),
      type: view.getUint32(at + 4, true),
      isExecutable: (view.getUint32(at + 8, true) & SHF_EXECINSTR) !== 0,
      isCompressed: (view.getUint32(at + 8, true) & SHF_COMPRESSED) !== 0,
      address: u64(view, at + 16),
      fileOffset: u64(view, at + 24),
      sizeBytes: u64(view, at + 32),
      link: view.getUint32(at + 40, true),
      entrySizeBytes: u64(view, at + 56),
    });
  return sections;
}

export function sectionNamed(elf: ElfFile, name: string): Section | undefined {
  return elf.sections.find((section) => section.name === name);
}

/** Contents, undefined when they are not all there or more than the limit. */
export async function readSection(elf: ElfFile, section: Section, limitBytes: number): Promise<Uint8Array | undefined> {
  const SHT_NOBITS = 8;
  if (section.type === SHT_NOBITS || section.sizeBytes > limitBytes) return undefined;
  const bytes = await elf.source.read(section.fileOffset, section.sizeBytes);
  return bytes.length === section.sizeBytes ? bytes : undefined;
}

/** Where an address of the file's own address space lies in the file; undefined when no segment holds it. */
export function fileOffsetOf(elf: ElfFile, address: number): number | undefined {
  for (const segment of elf.segments) {
    const within = address - segment.address;
    if (segment.type === PT_LOAD && within >= 0 && within < segment.fileSizeBytes) return segment.fileOffset + within;
  }
  return undefined;
}

/** The file's own address of what lies at a file offset; undefined when no executable segment holds it. */
export function addressOfOffset(elf: ElfFile, fileOffset: number): number | undefined {
  for (const segment of elf.segments) {
    const within = fileOffset - segment.fileOffset;
    if (segment.type === PT_LOAD && segment.isExecutable && within >= 0 && within < segment.fileSizeBytes)
      return segment.address + within;
  }
  return undefined;
}

export function tlsSegment(elf: ElfFile): Segment | undefined {
  return elf.segments.find((segment) => segment.type === PT_TLS);
}
