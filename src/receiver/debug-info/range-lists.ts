/** Lists of address ranges: .debug_ranges of DWARF 4 (2.17.3), .debug_rnglists of DWARF 5 (7.25). */
import { viewOf } from "../elf/elf-file.ts";
import { DwarfReader } from "../unwind/dwarf-reader.ts";
import type { DebugSections } from "./debug-sections.ts";
import type { AttributeValue } from "./entry.ts";
import { Form } from "./forms.ts";
import type { Unit } from "./unit.ts";

export interface AddressRange {
  readonly start: number;
  readonly end: number;
}

const FIRST_BYTES = 256;
const LIMIT_BYTES = 1 << 20;

type Base = Pick<Unit, "version" | "baseAddress" | "addresses" | "rnglistsBase" | "offsetBytes">;

/** Those before the end of a list that is cut or above the limit. */
export async function readRanges(
  sections: DebugSections,
  unit: Base,
  attribute: AttributeValue,
): Promise<readonly AddressRange[]> {
  const name = unit.version >= 5 ? ".debug_rnglists" : ".debug_ranges";
  const offset = attribute.form === Form.rnglistx ? await offsetOf(sections, unit, attribute.value) : attribute.value;
  if (offset === undefined) return [];
  for (let length = FIRST_BYTES; ; length *= 16) {
    const bytes = await sections.read(name, offset, length);
    const { ranges, isWhole } = unit.version >= 5 ? parseRangeList(bytes, unit) : parsePairs(bytes, unit);
    if (isWhole || bytes.length < length || length > LIMIT_BYTES) return ranges;
  }
}

async function offsetOf(sections: DebugSections, unit: Base, index: number): Promise<number | undefined> {
  const { rnglistsBase, offsetBytes } = unit;
  const bytes = await sections.read(".debug_rnglists", rnglistsBase + index * offsetBytes, offsetBytes);
  if (bytes.length < offsetBytes) return undefined;
  const reader = new DwarfReader(viewOf(bytes), 0, bytes.length);
  return rnglistsBase + (offsetBytes === 8 ? reader.u64() : reader.u32());
}

interface Parsed {
  readonly ranges: readonly AddressRange[];
  /** Up to the end of the list. */
  readonly isWhole: boolean;
}

function parsePairs(bytes: Uint8Array, { baseAddress }: Base): Parsed {
  const reader = new DwarfReader(viewOf(bytes), 0, bytes.length);
  const ranges: AddressRange[] = [];
  let base = baseAddress;
  for (;;) {
    const [start, end] = [reader.u64(), reader.u64()];
    if (reader.isBroken || (start === 0 && end === 0)) return { ranges, isWhole: !reader.isBroken };
    // All ones: the other is a new base.
    if (start >= 2 ** 63) base = end;
    else if (start < end) ranges.push({ start: base + start, end: base + end });
  }
}

/** DW_RLE_*. */
function parseRangeList(bytes: Uint8Array, { baseAddress, addresses }: Base): Parsed {
  const reader = new DwarfReader(viewOf(bytes), 0, bytes.length);
  const ranges: AddressRange[] = [];
  const indexed = () => addresses[reader.uleb()] ?? Number.NaN;
  let base = baseAddress;
  for (;;) {
    const kind = reader.u8();
    if (reader.isBroken || kind === 0) return { ranges, isWhole: !reader.isBroken };
    let [start, end] = [0, 0];
    if (kind === 1) base = indexed();
    else if (kind === 2) [start, end] = [indexed(), indexed()];
    else if (kind === 3) [start, end] = withLength(indexed(), reader.uleb());
    else if (kind === 4) [start, end] = [base + reader.uleb(), base + reader.uleb()];
    else if (kind === 5) base = reader.u64();
    else if (kind === 6) [start, end] = [reader.u64(), reader.u64()];
    else if (kind === 7) [start, end] = withLength(reader.u64(), reader.uleb());
    else return { ranges, isWhole: true };
    if (!reader.isBroken && start < end) ranges.push({ start, end });
  }
}

function withLength(start: number, length: number): [number, number] {
  return [start, start + length];
}
