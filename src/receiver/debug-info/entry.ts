/** One debugging information entry: its attributes by their names (DWARF 5, 2.2 and 7.5.2). */
import type { DwarfReader } from "../unwind/dwarf-reader.ts";
import type { Abbreviation } from "./abbreviations.ts";
import { type FormSizes, readForm } from "./forms.ts";

export interface AttributeValue {
  readonly form: number;
  readonly value: number;
}

export type Entry = ReadonlyMap<number, AttributeValue>;

/** @returns undefined when what follows can't be read */
export function readEntry(reader: DwarfReader, abbreviation: Abbreviation, sizes: FormSizes): Entry | undefined {
  const { names, forms, implicits } = abbreviation;
  const entry = new Map<number, AttributeValue>();
  for (let i = 0; i < names.length; i++) {
    const form = forms[i]!;
    const value = readForm(reader, form, sizes, implicits[i]);
    if (value === undefined || reader.isBroken) return undefined;
    entry.set(names[i]!, { form, value });
  }
  return entry;
}

/** @returns false when what follows can't be read */
export function skipEntry(reader: DwarfReader, { forms, sizeBytes }: Abbreviation, sizes: FormSizes): boolean {
  if (sizeBytes !== undefined) reader.skip(sizeBytes);
  else for (const form of forms) if (readForm(reader, form, sizes) === undefined) return false;
  return !reader.isBroken;
}
