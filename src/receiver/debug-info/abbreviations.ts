/** The forms that entries of a unit have (DWARF 5, 7.5.3, "Abbreviations Tables"). */
import { viewOf } from "../elf/elf-file.ts";
import { DwarfReader } from "../unwind/dwarf-reader.ts";
import type { DebugSections } from "./debug-sections.ts";
import { Form, type FormSizes, fixedSize } from "./forms.ts";

const FIRST_BYTES = 4 << 10;
const LIMIT_BYTES = 1 << 20;
const ATTRIBUTE_LIMIT = 256;

export interface Abbreviation {
  readonly tag: number;
  readonly hasChildren: boolean;
  readonly names: readonly number[];
  readonly forms: readonly number[];
  readonly implicits: readonly number[];
  /** Of all its values together; undefined where it depends on them. */
  readonly sizeBytes: number | undefined;
}

/** By code. */
export type Abbreviations = ReadonlyMap<number, Abbreviation>;

/**
 * @param wanted the one code that is needed: what comes behind it is not read
 * @returns undefined for a table that is cut or above the limit
 */
export async function readAbbreviations(
  sections: DebugSections,
  offset: number,
  sizes: FormSizes,
  wanted?: number,
): Promise<Abbreviations | undefined> {
  for (let length = FIRST_BYTES; length <= LIMIT_BYTES; length *= 16) {
    const bytes = await sections.read(".debug_abbrev", offset, length);
    const parsed = parseAbbreviations(bytes, sizes, wanted);
    if (parsed !== undefined || bytes.length < length) return parsed;
  }
  return undefined;
}

function parseAbbreviations(bytes: Uint8Array, sizes: FormSizes, wanted?: number): Abbreviations | undefined {
  const reader = new DwarfReader(viewOf(bytes), 0, bytes.length);
  const found = new Map<number, Abbreviation>();
  for (;;) {
    const code = reader.uleb();
    if (reader.isBroken) return undefined;
    if (code === 0) return found;
    const abbreviation = parseOne(reader, sizes);
    if (abbreviation === undefined) return undefined;
    found.set(code, abbreviation);
    if (code === wanted) return found;
  }
}

function parseOne(reader: DwarfReader, sizes: FormSizes): Abbreviation | undefined {
  const tag = reader.uleb();
  const hasChildren = reader.u8() === 1;
  const names: number[] = [];
  const forms: number[] = [];
  const implicits: number[] = [];
  let sizeBytes: number | undefined = 0;
  while (names.length < ATTRIBUTE_LIMIT) {
    const name = reader.uleb();
    const form = reader.uleb();
    const implicit = form === Form.implicitConst ? reader.sleb() : 0;
    if (reader.isBroken) return undefined;
    if (name === 0 && form === 0) return { tag, hasChildren, names, forms, implicits, sizeBytes };
    names.push(name);
    forms.push(form);
    implicits.push(implicit);
    const size = fixedSize(form, sizes);
    sizeBytes = sizeBytes === undefined || size === undefined ? undefined : sizeBytes + size;
  }
  return undefined;
}
