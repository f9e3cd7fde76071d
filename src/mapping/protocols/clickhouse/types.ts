/** How the values of a ClickHouse column lie on the wire (clickhouse.com/docs/native-protocol/columns). */

export type ColumnShape =
  | { readonly kind: "fixed"; readonly width: number }
  | { readonly kind: "strings" }
  | { readonly kind: "nullable"; readonly inner: ColumnShape }
  | { readonly kind: "array"; readonly inner: ColumnShape }
  | { readonly kind: "tuple"; readonly parts: readonly ColumnShape[] }
  | { readonly kind: "dictionary"; readonly inner: ColumnShape };

const WIDTHS: ReadonlyMap<string, number> = new Map([
  ...["UInt8", "Int8", "Bool", "Enum8", "Nothing"].map((name) => [name, 1] as const),
  ...["UInt16", "Int16", "Date", "Enum16", "BFloat16"].map((name) => [name, 2] as const),
  ...["UInt32", "Int32", "Float32", "Date32", "DateTime", "IPv4", "Time", "Decimal32"].map(
    (name) => [name, 4] as const,
  ),
  ...["UInt64", "Int64", "Float64", "DateTime64", "Time64", "Decimal64"].map((name) => [name, 8] as const),
  ...["UInt128", "Int128", "UUID", "IPv6", "Decimal128"].map((name) => [name, 16] as const),
  ...["UInt256", "Int256", "Decimal256"].map((name) => [name, 32] as const),
]);
const POINT: ColumnShape = { kind: "tuple", parts: [fixed(8), fixed(8)] };
const RING: ColumnShape = { kind: "array", inner: POINT };
const POLYGON: ColumnShape = { kind: "array", inner: RING };
const GEOMETRIES: ReadonlyMap<string, ColumnShape> = new Map<string, ColumnShape>([
  ["Point", POINT],
  ["Ring", RING],
  ["LineString", RING],
  ["MultiLineString", POLYGON],
  ["Polygon", POLYGON],
  ["MultiPolygon", { kind: "array", inner: POLYGON }],
]);
const MAX_DEPTH = 16;

function fixed(width: number): ColumnShape {
  return { kind: "fixed", width };
}

/** @returns undefined for a type whose values can't be stepped over */
export function columnShape(type: string, depth = 0): ColumnShape | undefined {
  if (depth > MAX_DEPTH) return undefined;
  const match = /^(\w+)(?:\((.*)\))?$/s.exec(type.trim());
  if (match === null) return undefined;
  const name = match[1]!;
  const rest = match[2] ?? "";
  const inner = (text: string | undefined): ColumnShape | undefined =>
    text === undefined ? undefined : columnShape(text, depth + 1);
  const width = WIDTHS.get(name);
  if (width !== undefined) return fixed(width);
  if (name.startsWith("Interval")) return fixed(8);
  if (name === "String") return { kind: "strings" };
  if (name === "FixedString") return /^\d{1,8}$/.test(rest) ? fixed(Number(rest)) : undefined;
  if (name === "Decimal") return decimal(Number(/^\d+/.exec(rest)?.[0]));
  if (name === "Nullable") return wrapped("nullable", inner(rest));
  if (name === "Array") return wrapped("array", inner(rest));
  if (name === "LowCardinality") {
    // The dictionary itself has no nulls.
    const value = inner(/^Nullable\((.*)\)$/s.exec(rest)?.[1] ?? rest);
    return wrapped("dictionary", value);
  }
  if (name === "Tuple" || name === "Nested") {
    const parts = tuple(split(rest).map((part) => inner(unnamed(part))));
    return name === "Nested" ? wrapped("array", parts) : parts;
  }
  if (name === "Map") return wrapped("array", tuple(split(rest).map((part) => inner(part))));
  if (name === "SimpleAggregateFunction") return inner(split(rest)[1]);
  return GEOMETRIES.get(name);
}

function decimal(precision: number): ColumnShape | undefined {
  if (!(precision >= 1 && precision <= 76)) return undefined;
  return fixed(precision <= 9 ? 4 : precision <= 18 ? 8 : precision <= 38 ? 16 : 32);
}

function wrapped(kind: "nullable" | "array" | "dictionary", inner: ColumnShape | undefined): ColumnShape | undefined {
  return inner === undefined ? undefined : { kind, inner };
}

function tuple(parts: readonly (ColumnShape | undefined)[]): ColumnShape | undefined {
  const known = parts.filter((part) => part !== undefined);
  return known.length === parts.length ? { kind: "tuple", parts: known } : undefined;
}

/** Arguments, by the commas that stand in no parentheses. */
function split(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (character === "(") depth++;
    else if (character === ")") depth--;
    else if (character === "," && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** `name Type` or `Type`. */
function unnamed(part: string): string {
  return /^\s*(?:[a-zA-Z_]\w*|`[^`]*`)\s+(\w.*)$/s.exec(part)?.[1] ?? part;
}

/** Every dictionary has a version of 8 bytes in front of the column. */
export function dictionaryCount(shape: ColumnShape): number {
  switch (shape.kind) {
    case "dictionary":
      return 1 + dictionaryCount(shape.inner);
    case "nullable":
    case "array":
      return dictionaryCount(shape.inner);
    case "tuple":
      return shape.parts.reduce((sum, part) => sum + dictionaryCount(part), 0);
    default:
      return 0;
  }
}
