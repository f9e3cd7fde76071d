/** Units of .debug_info (DWARF 5, 7.5.1; DWARF 4, 7.5.1): their headers and first entries, without what is in them. */
import { viewOf } from "../elf/elf-file.ts";
import { DwarfReader } from "../unwind/dwarf-reader.ts";
import { readAbbreviations } from "./abbreviations.ts";
import type { DebugSections } from "./debug-sections.ts";
import { type AttributeValue, type Entry, readEntry } from "./entry.ts";
import { type FormSizes, isAddressIndex } from "./forms.ts";
import { type AddressRange, readRanges } from "./range-lists.ts";

/** Of units, headers are at most so long, and so is what we want of a first entry. */
const HEAD_BYTES = 512;
const UNIT_LIMIT = 16_384;
/** A browser's: more than is read for the sake of a few frames. */
const INFO_LIMIT_BYTES = 512 << 20;
const ADDRESSES_LIMIT_BYTES = 8 << 20;
/** Kinds of units: compile, partial, skeleton (DWARF 5, 7.5.1). */
const UT_COMPILE = 1;
const UT_PARTIAL = 3;

const AT = {
  stmtList: 0x10,
  lowPc: 0x11,
  highPc: 0x12,
  compDir: 0x1b,
  ranges: 0x55,
  strOffsetsBase: 0x72,
  addrBase: 0x73,
  rnglistsBase: 0x74,
} as const;

interface UnitHeader extends FormSizes {
  /** In .debug_info. */
  readonly offset: number;
  readonly end: number;
  readonly firstEntry: number;
  readonly abbreviations: number;
}

export interface Unit extends UnitHeader {
  /** What ranges without a base count from. */
  readonly baseAddress: number;
  readonly lines: number | undefined;
  readonly directory: AttributeValue | undefined;
  readonly strOffsetsBase: number;
  readonly rnglistsBase: number;
  /** Addresses that entries name by their index; empty where none does. */
  readonly addresses: Float64Array;
  readonly ranges: readonly AddressRange[];
}

/** @returns undefined where no unit is that can be read; skipped units have no `header` */
function parseHeader(bytes: Uint8Array, offset: number): { end: number; header: UnitHeader | undefined } | undefined {
  const reader = new DwarfReader(viewOf(bytes), 0, bytes.length);
  let length = reader.u32();
  const offsetBytes = length === 0xffffffff ? 8 : 4;
  if (offsetBytes === 8) length = reader.u64();
  const end = offset + reader.at + length;
  const version = reader.u16();
  const word = () => (offsetBytes === 8 ? reader.u64() : reader.u32());
  if (reader.isBroken || length < 8) return undefined;
  if (version < 2 || version > 5) return { end, header: undefined };
  const kind = version === 5 ? reader.u8() : UT_COMPILE;
  let addressBytes = version === 5 ? reader.u8() : 0;
  const abbreviations = word();
  if (version < 5) addressBytes = reader.u8();
  const isWanted = (kind === UT_COMPILE || kind === UT_PARTIAL) && addressBytes === 8 && !reader.isBroken;
  const header = { offset, end, version, offsetBytes, abbreviations, firstEntry: offset + reader.at };
  return { end, header: isWanted ? header : undefined };
}

/** In the order of the file; a few reads for each. */
export async function readUnits(sections: DebugSections): Promise<Unit[]> {
  const units: Unit[] = [];
  for (let offset = 0; units.length < UNIT_LIMIT && offset < INFO_LIMIT_BYTES; ) {
    const head = await sections.read(".debug_info", offset, HEAD_BYTES);
    const parsed = head.length === 0 ? undefined : parseHeader(head, offset);
    if (parsed === undefined) break;
    if (parsed.header !== undefined) {
      const unit = await readFirstEntry(sections, parsed.header, head);
      if (unit !== undefined) units.push(unit);
    }
    offset = parsed.end;
  }
  return units;
}

async function readFirstEntry(
  sections: DebugSections,
  header: UnitHeader,
  head: Uint8Array,
): Promise<Unit | undefined> {
  const reader = new DwarfReader(viewOf(head), header.firstEntry - header.offset, head.length);
  const code = reader.uleb();
  const abbreviation = (await readAbbreviations(sections, header.abbreviations, header, code))?.get(code);
  const entry = abbreviation === undefined ? undefined : readEntry(reader, abbreviation, header);
  if (entry === undefined) return undefined;
  const value = (name: number) => entry.get(name)?.value;
  const bare: Unit = {
    ...header,
    baseAddress: 0,
    lines: value(AT.stmtList),
    directory: entry.get(AT.compDir),
    strOffsetsBase: value(AT.strOffsetsBase) ?? 2 * header.offsetBytes,
    rnglistsBase: value(AT.rnglistsBase) ?? 0,
    addresses: await readAddresses(sections, value(AT.addrBase)),
    ranges: [],
  };
  const low = entry.get(AT.lowPc);
  const baseAddress = low === undefined ? 0 : addressOf(low, bare);
  const based = { ...bare, baseAddress };
  return { ...based, ranges: await codeRanges(sections, based, entry) };
}

/** .debug_addr: a header of 8 bytes, its length first, lies before the base (DWARF 5, 7.27). */
async function readAddresses(sections: DebugSections, base: number | undefined): Promise<Float64Array> {
  if (base === undefined || base < 8) return NO_ADDRESSES;
  const header = await sections.read(".debug_addr", base - 8, 8);
  if (header.length < 8) return NO_ADDRESSES;
  const length = viewOf(header).getUint32(0, true) - 4;
  const bytes = length > ADDRESSES_LIMIT_BYTES ? NO_BYTES : await sections.read(".debug_addr", base, length);
  const reader = new DwarfReader(viewOf(bytes), 0, bytes.length);
  return Float64Array.from({ length: bytes.length >>> 3 }, () => reader.u64());
}

const NO_ADDRESSES = new Float64Array(0);
const NO_BYTES = new Uint8Array(0);

/** Of DW_AT_low_pc and all else of the class address. */
function addressOf({ form, value }: AttributeValue, { addresses }: Unit): number {
  return isAddressIndex(form) ? (addresses[value] ?? 0) : value;
}

/** Where an entry's code is (DWARF 5, 2.17). The linker moves what it has left out to 0, where a file's header is. */
export async function codeRanges(sections: DebugSections, unit: Unit, entry: Entry): Promise<readonly AddressRange[]> {
  return (await allRanges(sections, unit, entry)).filter(({ start }) => start > 1);
}

async function allRanges(sections: DebugSections, unit: Unit, entry: Entry): Promise<readonly AddressRange[]> {
  const ranges = entry.get(AT.ranges);
  if (ranges !== undefined) return await readRanges(sections, unit, ranges);
  const low = entry.get(AT.lowPc);
  const high = entry.get(AT.highPc);
  if (low === undefined || high === undefined) return [];
  const start = addressOf(low, unit);
  const isAddress = high.form === 0x01 || isAddressIndex(high.form);
  const end = isAddress ? addressOf(high, unit) : start + high.value;
  return start < end ? [{ start, end }] : [];
}
