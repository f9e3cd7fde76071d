/**
 * The functions of one unit and the calls that the compiler put into them (DWARF 5, 3.3.8, "Inlinable and Inlined
 * Subroutines"), to be found by address.
 */
import { viewOf } from "../elf/elf-file.ts";
import { DwarfReader } from "../unwind/dwarf-reader.ts";
import { type Abbreviation, readAbbreviations } from "./abbreviations.ts";
import type { DebugSections } from "./debug-sections.ts";
import { type Entry, readEntry, skipEntry } from "./entry.ts";
import { isUnitReference } from "./forms.ts";
import { codeRanges, type Unit } from "./unit.ts";

const UNIT_LIMIT_BYTES = 24 << 20;
const SCOPE_LIMIT = 1_000_000;
const DEPTH_LIMIT = 512;

const TAG = { class: 0x02, enumeration: 0x04, structure: 0x13, subroutineType: 0x15, union: 0x17 };
const INLINED_SUBROUTINE = 0x1d;
const SUBPROGRAM = 0x2e;
export const NAMESPACE = 0x39;
/** No code is in them, and they may be long. */
const WITHOUT_CODE = new Set([TAG.class, TAG.enumeration, TAG.structure, TAG.subroutineType, TAG.union]);
/** Their names are part of what is in them. */
const NAMED = new Set([TAG.class, TAG.structure, TAG.union, NAMESPACE]);

const AT_SIBLING = 0x01;
const AT_ABSTRACT_ORIGIN = 0x31;
const AT_CALL_FILE = 0x58;
const AT_CALL_LINE = 0x59;

/** A function, or a call of one that was put into another. */
export interface FunctionScope {
  /** Of the entry that has the name, in .debug_info. */
  readonly entry: number;
  /** The scope that it was put into; undefined: a function of its own. */
  readonly caller: FunctionScope | undefined;
  readonly callFile: number;
  readonly callLine: number;
  readonly depth: number;
}

/** Where entries of a namespace or class are, to tell the full names of what is in them. */
export interface NamedScope {
  /** Of its own entry, in .debug_info. */
  readonly start: number;
  readonly end: number;
}

export class UnitFunctions {
  readonly namedScopes: readonly NamedScope[];
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  readonly #scopes: readonly FunctionScope[];

  constructor(ranges: readonly CodeOf[], namedScopes: readonly NamedScope[]) {
    this.#starts = Float64Array.from(ranges, ({ start }) => start);
    this.#ends = Float64Array.from(ranges, ({ end }) => end);
    this.#scopes = ranges.map(({ scope }) => scope);
    this.namedScopes = namedScopes;
  }

  get sizeBytes(): number {
    return 1024 + 96 * this.#scopes.length + 32 * this.namedScopes.length;
  }

  /** The innermost scope whose code is there. */
  at(address: number): FunctionScope | undefined {
    let found: FunctionScope | undefined;
    for (let i = 0; i < this.#starts.length; i++) {
      if (address < this.#starts[i]! || address >= this.#ends[i]!) continue;
      const scope = this.#scopes[i]!;
      if (found === undefined || scope.depth > found.depth) found = scope;
    }
    return found;
  }
}

interface CodeOf {
  readonly start: number;
  readonly end: number;
  readonly scope: FunctionScope;
}

/** @returns undefined where the unit can't be read, or is above the limit */
export async function readUnitFunctions(sections: DebugSections, unit: Unit): Promise<UnitFunctions | undefined> {
  const lengthBytes = unit.end - unit.offset;
  if (lengthBytes > UNIT_LIMIT_BYTES) return undefined;
  const abbreviations = await readAbbreviations(sections, unit.abbreviations, unit);
  const bytes = await sections.read(".debug_info", unit.offset, lengthBytes);
  if (abbreviations === undefined || bytes.length < lengthBytes) return undefined;
  const walk = new EntryWalk(unit, bytes, abbreviations);
  const ranges: CodeOf[] = [];
  for (const found of walk.functions()) {
    for (const { start, end } of await codeRanges(sections, unit, found.attributes)) {
      ranges.push({ start, end, scope: found.scope });
    }
  }
  return walk.isBroken ? undefined : new UnitFunctions(ranges, walk.namedScopes);
}

interface Open {
  readonly scope: FunctionScope | undefined;
  readonly namedStart: number | undefined;
}

/** The entries of a unit, one after the other; each that has children is open until its end. */
class EntryWalk {
  isBroken = false;
  readonly namedScopes: NamedScope[] = [];
  readonly #unit: Unit;
  readonly #reader: DwarfReader;
  readonly #abbreviations: ReadonlyMap<number, Abbreviation>;
  readonly #open: Open[] = [];

  constructor(unit: Unit, bytes: Uint8Array, abbreviations: ReadonlyMap<number, Abbreviation>) {
    this.#unit = unit;
    this.#reader = new DwarfReader(viewOf(bytes), unit.firstEntry - unit.offset, bytes.length);
    this.#abbreviations = abbreviations;
  }

  *functions(): Generator<{ readonly scope: FunctionScope; readonly attributes: Entry }> {
    const reader = this.#reader;
    for (let count = 0; !reader.isAtEnd && count < SCOPE_LIMIT; ) {
      const at = reader.at;
      const code = reader.uleb();
      if (code === 0) {
        this.#close();
        if (this.#open.length === 0) return;
        continue;
      }
      const abbreviation = this.#abbreviations.get(code);
      if (abbreviation === undefined || this.#open.length > DEPTH_LIMIT) break;
      const { tag, hasChildren } = abbreviation;
      const isFunction = tag === SUBPROGRAM || tag === INLINED_SUBROUTINE;
      if (!isFunction && !NAMED.has(tag) && !WITHOUT_CODE.has(tag)) {
        if (!skipEntry(reader, abbreviation, this.#unit)) break;
        if (hasChildren) this.#open.push({ scope: this.#open.at(-1)?.scope, namedStart: undefined });
        else if (this.#open.length === 0) return;
        continue;
      }
      const attributes = readEntry(reader, abbreviation, this.#unit);
      if (attributes === undefined) break;
      const scope = isFunction ? this.#scopeOf(tag, at, attributes) : undefined;
      if (scope !== undefined) {
        count++;
        yield { scope, attributes };
      }
      if (hasChildren) this.#enter(tag, at, attributes, scope);
    }
    this.isBroken = true;
  }

  /** Has code: else it is a declaration, or what calls of it have in common. */
  #scopeOf(tag: number, at: number, attributes: Entry): FunctionScope | undefined {
    if (!attributes.has(0x11) && !attributes.has(0x55)) return undefined;
    const caller = tag === INLINED_SUBROUTINE ? this.#open.at(-1)?.scope : undefined;
    if (tag === INLINED_SUBROUTINE && caller === undefined) return undefined;
    const origin = attributes.get(AT_ABSTRACT_ORIGIN);
    const entry =
      origin === undefined
        ? this.#unit.offset + at
        : origin.value + (isUnitReference(origin.form) ? this.#unit.offset : 0);
    return {
      // Of dwz's second file nothing is known.
      entry: origin?.form === 0x1f20 ? -1 : entry,
      caller,
      callFile: attributes.get(AT_CALL_FILE)?.value ?? 0,
      callLine: attributes.get(AT_CALL_LINE)?.value ?? 0,
      depth: caller === undefined ? 0 : caller.depth + 1,
    };
  }

  /** What is left out has its sibling's place to go on at, or is read through. */
  #enter(tag: number, at: number, attributes: Entry, scope: FunctionScope | undefined): void {
    const { offset } = this.#unit;
    const sibling = attributes.get(AT_SIBLING);
    const next = sibling !== undefined && isUnitReference(sibling.form) ? sibling.value : 0;
    const isEmpty = WITHOUT_CODE.has(tag) || (tag === SUBPROGRAM && scope === undefined);
    if (isEmpty && next > this.#reader.at) {
      if (NAMED.has(tag)) this.namedScopes.push({ start: offset + at, end: offset + next });
      this.#reader.skip(next - this.#reader.at);
      return;
    }
    this.#open.push({ scope, namedStart: NAMED.has(tag) ? offset + at : undefined });
  }

  #close(): void {
    const closed = this.#open.pop();
    if (closed?.namedStart === undefined) return;
    this.namedScopes.push({ start: closed.namedStart, end: this.#unit.offset + this.#reader.at });
  }
}
