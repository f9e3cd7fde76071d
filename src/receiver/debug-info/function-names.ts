/**
 * What functions are called: the linker's name where there is one, which has namespaces and parameters in it, else the
 * name in the source behind those of its namespaces and classes.
 */
import { viewOf } from "../elf/elf-file.ts";
import { demangle } from "../symbols/demangle.ts";
import { DwarfReader } from "../unwind/dwarf-reader.ts";
import { type Abbreviations, readAbbreviations } from "./abbreviations.ts";
import type { DebugSections } from "./debug-sections.ts";
import { type AttributeValue, type Entry, readEntry } from "./entry.ts";
import { Form, isUnitReference } from "./forms.ts";
import type { Unit } from "./unit.ts";
import { NAMESPACE, type NamedScope } from "./unit-functions.ts";

const AT_NAME = 0x03;
const AT_ABSTRACT_ORIGIN = 0x31;
const AT_SPECIFICATION = 0x47;
const AT_LINKAGE_NAME = 0x6e;
/** GCC's before DWARF 4. */
const AT_MIPS_LINKAGE_NAME = 0x2007;
const ENTRY_LIMIT_BYTES = 512;
const STEP_LIMIT = 8;
const TABLE_LIMIT = 16;

export class FunctionNames {
  readonly #sections: DebugSections;
  readonly #units: readonly Unit[];
  readonly #tables = new Map<number, Promise<Abbreviations | undefined>>();

  constructor(sections: DebugSections, units: readonly Unit[]) {
    this.#sections = sections;
    this.#units = units;
  }

  /**
   * @param entry of the function, in .debug_info
   * @param namedScopes of the unit that it is of; the names of others have only the linker's names or bare ones
   * @returns undefined where there is none
   */
  async nameOf(entry: number, namedScopes: readonly NamedScope[]): Promise<string | undefined> {
    let at = entry;
    for (let step = 0; step < STEP_LIMIT; step++) {
      const found = await this.#entryAt(at);
      if (found === undefined) return undefined;
      const { unit, attributes } = found;
      const linkage = attributes.get(AT_LINKAGE_NAME) ?? attributes.get(AT_MIPS_LINKAGE_NAME);
      const mangled = linkage === undefined ? undefined : await this.#text(unit, linkage);
      if (mangled !== undefined && mangled !== "") return demangle(mangled);
      const next = attributes.get(AT_SPECIFICATION) ?? attributes.get(AT_ABSTRACT_ORIGIN);
      if (next === undefined) return await this.#qualified(unit, attributes, at, namedScopes);
      if (next.form === 0x1f20) return undefined;
      at = next.value + (isUnitReference(next.form) ? unit.offset : 0);
    }
    return undefined;
  }

  async #qualified(
    unit: Unit,
    attributes: Entry,
    at: number,
    namedScopes: readonly NamedScope[],
  ): Promise<string | undefined> {
    const own = attributes.get(AT_NAME);
    const name = own === undefined ? undefined : await this.#text(unit, own);
    if (name === undefined || name === "") return undefined;
    const around = namedScopes
      .filter(({ start, end }) => start < at && at < end)
      .sort((left, right) => left.start - right.start);
    const names: string[] = [];
    for (const { start } of around) names.push(await this.#scopeName(start));
    return demangle([...names, name].join("::"));
  }

  async #scopeName(at: number): Promise<string> {
    const found = await this.#entryAt(at);
    const name = found?.attributes.get(AT_NAME);
    const text = found === undefined || name === undefined ? undefined : await this.#text(found.unit, name);
    if (text !== undefined && text !== "") return text;
    return found?.tag === NAMESPACE ? "(anonymous namespace)" : "(anonymous)";
  }

  async #entryAt(at: number): Promise<{ unit: Unit; tag: number; attributes: Entry } | undefined> {
    const unit = this.#unitAt(at);
    if (unit === undefined) return undefined;
    const bytes = await this.#sections.read(".debug_info", at, Math.min(ENTRY_LIMIT_BYTES, unit.end - at));
    const reader = new DwarfReader(viewOf(bytes), 0, bytes.length);
    const abbreviation = (await this.#table(unit))?.get(reader.uleb());
    const attributes = abbreviation === undefined ? undefined : readEntry(reader, abbreviation, unit);
    if (abbreviation === undefined || attributes === undefined) return undefined;
    return { unit, tag: abbreviation.tag, attributes: withInlineText(attributes, at) };
  }

  #table(unit: Unit): Promise<Abbreviations | undefined> {
    let table = this.#tables.get(unit.abbreviations);
    if (table === undefined) {
      if (this.#tables.size >= TABLE_LIMIT) this.#tables.clear();
      table = readAbbreviations(this.#sections, unit.abbreviations, unit);
      this.#tables.set(unit.abbreviations, table);
    }
    return table;
  }

  #unitAt(at: number): Unit | undefined {
    let low = 0;
    let high = this.#units.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#units[middle]!.offset <= at) low = middle + 1;
      else high = middle;
    }
    const unit = this.#units[low - 1];
    return unit !== undefined && at >= unit.firstEntry && at < unit.end ? unit : undefined;
  }

  #text(unit: Unit, value: AttributeValue): Promise<string | undefined> {
    return readText(this.#sections, unit, value);
  }
}

/** A string in place: from here on its offset counts in .debug_info. */
function withInlineText(attributes: Entry, at: number): Entry {
  return new Map(
    [...attributes].map(([name, { form, value }]) => [
      name,
      { form, value: form === Form.string ? value + at : value },
    ]),
  );
}

/** A string, wherever it is (DWARF 5, 7.5.5, class string). */
export async function readText(
  sections: DebugSections,
  { strOffsetsBase, offsetBytes }: Pick<Unit, "strOffsetsBase" | "offsetBytes">,
  { form, value }: AttributeValue,
): Promise<string | undefined> {
  if (form === Form.string) return await sections.string(".debug_info", value);
  if (form === Form.strp) return await sections.string(".debug_str", value);
  if (form === Form.lineStrp) return await sections.string(".debug_line_str", value);
  const isIndex = form === Form.strx || form === 0x1f02 || (form >= Form.strx1 && form <= Form.strx4);
  if (!isIndex) return undefined;
  const at = strOffsetsBase + value * offsetBytes;
  const bytes = await sections.read(".debug_str_offsets", at, offsetBytes);
  if (bytes.length < offsetBytes) return undefined;
  const reader = new DwarfReader(viewOf(bytes), 0, bytes.length);
  return await sections.string(".debug_str", offsetBytes === 8 ? reader.u64() : reader.u32());
}
