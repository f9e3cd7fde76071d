/**
 * HotSpot's description of itself (vmStructs.hpp), which debuggers read: fields of its types, static ones with their
 * address. Tables and their layout are exported by libjvm.so.
 */
import { cString, u64, viewOf } from "../elf/elf-file.ts";
import { addressOf, type Image } from "./images.ts";
import type { ProcessView } from "./process-view.ts";

const MAX_ENTRIES = 8192;
const NAME_LIMIT_BYTES = 64;
/** Names that are no further apart are read at once. */
const NEAR_BYTES = 65_536;

export interface VmStructs {
  /** By `Type::field`: offset in the type. */
  readonly offsets: ReadonlyMap<string, number>;
  /** By `Type::field`: address of a static field. */
  readonly addresses: ReadonlyMap<string, number>;
  /** By `Type::field`: the type that the field is declared with. */
  readonly fieldTypes: ReadonlyMap<string, string>;
  /** By type, in bytes. */
  readonly sizes: ReadonlyMap<string, number>;
}

/**
 * @param types whose fields are wanted
 * @returns undefined when the image describes nothing
 */
export async function readVmStructs(
  process: ProcessView,
  image: Image,
  types: ReadonlySet<string>,
): Promise<VmStructs | undefined> {
  const fields = await readTable(process, image, "gHotSpotVMStruct", ["TypeName", "FieldName", "TypeString"], types);
  if (fields === undefined) return undefined;
  const offsets = new Map<string, number>();
  const addresses = new Map<string, number>();
  const fieldTypes = new Map<string, string>();
  const [isStaticAt, offsetAt, addressAt] = await Promise.all(
    ["IsStatic", "Offset", "Address"].map((name) => numberAt(process, image, `gHotSpotVMStructEntry${name}Offset`)),
  );
  if (isStaticAt === undefined || offsetAt === undefined || addressAt === undefined) return undefined;
  for (const { row, texts } of fields) {
    if (Math.max(isStaticAt, offsetAt, addressAt) + 8 > row.byteLength) return undefined;
    const name = `${texts[0]}::${texts[1]}`;
    fieldTypes.set(name, texts[2]!);
    if (row.getInt32(isStaticAt, true) === 0) offsets.set(name, u64(row, offsetAt));
    else addresses.set(name, u64(row, addressAt));
  }
  const sizes = new Map<string, number>();
  const sizeAt = await numberAt(process, image, "gHotSpotVMTypeEntrySizeOffset");
  for (const { row, texts } of (await readTable(process, image, "gHotSpotVMType", ["TypeName"], types)) ?? []) {
    if (sizeAt !== undefined && sizeAt + 8 <= row.byteLength) sizes.set(texts[0]!, u64(row, sizeAt));
  }
  return { offsets, addresses, fieldTypes, sizes };
}

interface Entry {
  readonly row: DataView;
  readonly texts: readonly string[];
}

/** @param columns those that are names; the first is the type's */
async function readTable(
  process: ProcessView,
  image: Image,
  prefix: string,
  columns: readonly string[],
  types: ReadonlySet<string>,
): Promise<Entry[] | undefined> {
  const table = await numberAt(process, image, `${prefix}s`);
  const stride = await numberAt(process, image, `${prefix}EntryArrayStride`);
  const places = await Promise.all(columns.map((name) => numberAt(process, image, `${prefix}Entry${name}Offset`)));
  if (table === undefined || stride === undefined || stride < 24 || stride > 256) return undefined;
  if (!places.every((at): at is number => at !== undefined && at + 8 <= stride)) return undefined;
  const view = viewOf(await process.memory(table, stride * MAX_ENTRIES));
  const rows: DataView[] = [];
  for (let at = 0; at + stride <= view.byteLength; at += stride) {
    const row = new DataView(view.buffer, view.byteOffset + at, stride);
    if (u64(row, places[0]!) === 0) break;
    rows.push(row);
  }
  const typeOf = await textsAt(
    process,
    rows.map((row) => u64(row, places[0]!)),
  );
  const wanted = rows.filter((row) => types.has(typeOf(u64(row, places[0]!)) ?? ""));
  const textOf = await textsAt(
    process,
    wanted.flatMap((row) => places.map((at) => u64(row, at))),
  );
  return wanted.map((row) => ({ row, texts: places.map((at) => textOf(u64(row, at)) ?? "") }));
}

async function numberAt(process: ProcessView, image: Image, name: string): Promise<number | undefined> {
  const address = await addressOf(image, name);
  if (address === undefined) return undefined;
  const bytes = await process.memory(address, 8);
  return bytes.length === 8 ? u64(viewOf(bytes), 0) : undefined;
}

/** Names lie close together in the library: they are read by stretches, not one by one. */
async function textsAt(
  process: ProcessView,
  addresses: readonly number[],
): Promise<(address: number) => string | undefined> {
  const sorted = [...new Set(addresses)].filter((address) => address !== 0).sort((left, right) => left - right);
  const stretches: { start: number; bytes: Uint8Array }[] = [];
  for (let first = 0; first < sorted.length; ) {
    let last = first;
    while (last + 1 < sorted.length && sorted[last + 1]! - sorted[last]! < NEAR_BYTES) last++;
    const start = sorted[first]!;
    stretches.push({ start, bytes: await process.memory(start, sorted[last]! - start + NAME_LIMIT_BYTES) });
    first = last + 1;
  }
  return (address) => {
    const stretch = stretches.find(({ start, bytes }) => address >= start && address - start < bytes.length);
    return stretch === undefined ? undefined : cString(stretch.bytes, address - stretch.start);
  };
}
