/** What DWARF says of addresses in one file: the functions that the compiler put into others, files and lines. */
import type { DebugSections } from "./debug-sections.ts";
import { FunctionNames } from "./function-names.ts";
import { type LineTable, readLineTable } from "./line-table.ts";
import { readUnits, type Unit } from "./unit.ts";
import { type FunctionScope, readUnitFunctions, type UnitFunctions } from "./unit-functions.ts";

/** The innermost inlined function first. Of the last, which has code of its own, the symbol table may say more. */
export interface DebugLine {
  /** undefined: it has none. */
  readonly functionName: string | undefined;
  readonly fileName: string | undefined;
  readonly lineNumber: number;
}

interface ReadUnit {
  readonly functions: UnitFunctions | undefined;
  readonly lines: LineTable | undefined;
}

const NAME_LIMIT = 20_000;
const DEPTH_LIMIT = 64;

export class DebugInfo {
  readonly #units: readonly Unit[];
  /** Of compile units with code, by address. */
  readonly #ranges: readonly { readonly start: number; readonly end: number; readonly unit: Unit }[];
  readonly #read = new Map<Unit, ReadUnit>();
  readonly #names = new Map<number, string | undefined>();
  readonly #unitBudgetBytes: number;

  private constructor(units: readonly Unit[], unitBudgetBytes: number) {
    this.#units = units;
    this.#unitBudgetBytes = unitBudgetBytes;
    this.#ranges = units
      .flatMap((unit) => unit.ranges.map(({ start, end }) => ({ start, end, unit })))
      .sort((left, right) => left.start - right.start);
  }

  /** Reads the first entry of each unit. */
  static async read(sections: DebugSections, unitBudgetBytes: number): Promise<DebugInfo> {
    return new DebugInfo(await readUnits(sections), unitBudgetBytes);
  }

  /** What is kept in memory. */
  get sizeBytes(): number {
    const units = [...this.#read.values()].reduce((sum, unit) => sum + sizeOf(unit), 0);
    return 256 * this.#units.length + 48 * this.#ranges.length + 96 * this.#names.size + units;
  }

  /** @returns undefined where nothing is known */
  async linesAt(sections: DebugSections, address: number): Promise<readonly DebugLine[] | undefined> {
    const unit = this.#unitAt(address);
    if (unit === undefined) return undefined;
    const { functions, lines } = await this.#unit(sections, unit);
    const place = lines?.placeAt(address);
    const named = (file: number, line: number) => ({ fileName: lines?.fileName(file), lineNumber: line });
    let where = place === undefined ? { fileName: undefined, lineNumber: 0 } : named(place.file, place.line);
    const found: DebugLine[] = [];
    let scope: FunctionScope | undefined = functions?.at(address);
    for (; scope?.caller !== undefined && found.length < DEPTH_LIMIT; scope = scope.caller) {
      found.push({ functionName: await this.#name(sections, scope.entry, functions), ...where });
      where = named(scope.callFile, scope.callLine);
    }
    const functionName = scope === undefined ? undefined : await this.#name(sections, scope.entry, functions);
    found.push({ functionName, ...where });
    return found;
  }

  async #name(sections: DebugSections, entry: number, functions: UnitFunctions | undefined) {
    if (!this.#names.has(entry)) {
      if (this.#names.size >= NAME_LIMIT) this.#names.clear();
      const names = new FunctionNames(sections, this.#units);
      this.#names.set(entry, await names.nameOf(entry, functions?.namedScopes ?? []));
    }
    return this.#names.get(entry);
  }

  #unitAt(address: number): Unit | undefined {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle]!.start <= address) low = middle + 1;
      else high = middle;
    }
    const range = this.#ranges[low - 1];
    return range !== undefined && address < range.end ? range.unit : undefined;
  }

  async #unit(sections: DebugSections, unit: Unit): Promise<ReadUnit> {
    let read = this.#read.get(unit);
    if (read === undefined) {
      read = { functions: await readUnitFunctions(sections, unit), lines: await readLineTable(sections, unit) };
    }
    // The one used last is the last.
    this.#read.delete(unit);
    this.#read.set(unit, read);
    let sizeBytes = [...this.#read.values()].reduce((sum, each) => sum + sizeOf(each), 0);
    for (const [oldest, each] of this.#read) {
      if (sizeBytes <= this.#unitBudgetBytes || oldest === unit) break;
      this.#read.delete(oldest);
      sizeBytes -= sizeOf(each);
    }
    return read;
  }
}

function sizeOf({ functions, lines }: ReadUnit): number {
  return 256 + (functions?.sizeBytes ?? 0) + (lines?.sizeBytes ?? 0);
}
