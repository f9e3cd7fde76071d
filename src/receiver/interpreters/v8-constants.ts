/**
 * Where V8 keeps what a JavaScript function's name is read from. Node's executable says it itself: constants for debuggers after
 * death, one exported variable each (deps/v8/tools/gen-postmortem-metadata.py). Types at the end of a name change between
 * versions, so names are looked up without them.
 */
import { type ElfFile, fileOffsetOf, viewOf } from "../elf/elf-file.ts";
import { findByGnuHash } from "../elf/gnu-hash.ts";
import { type ElfSymbol, scanSymbols } from "../elf/symbols.ts";

const PREFIX = "v8dbg_";
const RAW_PREFIX = Buffer.from(PREFIX);
const POINTER_BYTES = 8;
const MAX_SPAN_BYTES = 1 << 20;

export interface V8Constants {
  /** Distances below the frame pointer. */
  readonly contextBelow: number;
  readonly functionBelow: number;
  /** Offsets in objects. */
  readonly functionShared: number;
  readonly mapInstanceType: number;
  readonly sharedName: number;
  readonly sharedScript: number;
  readonly scriptName: number;
  readonly stringLength: number;
  readonly oneByteChars: number;
  readonly twoByteChars: number;
  readonly consFirst: number;
  readonly thinActual: number;
  /** Indexes of words of a ScopeInfo behind its map. */
  readonly scopeFirstVariable: number;
  readonly scopeLocalCount: number;
  /** Instance types. */
  readonly sharedType: number;
  readonly scriptType: number;
  readonly scopeType: number;
  readonly firstNonString: number;
  /** Of an instance type of strings. */
  readonly representationMask: number;
  readonly sequential: number;
  readonly cons: number;
  readonly thin: number;
  readonly encodingMask: number;
  readonly oneByte: number;
}

/** Candidates, without the type at the end that some have: `class_JSFunction__shared`, and the types that Node 18 to 24 have there. */
const NAMES = {
  contextBelow: ["off_fp_context_or_frame_type"],
  functionBelow: ["off_fp_function"],
  functionShared: ["class_JSFunction__shared__SharedFunctionInfo"],
  mapInstanceType: ["class_Map__instance_type__uint16_t"],
  sharedName: ["class_SharedFunctionInfo__name_or_scope_info__Object"],
  sharedScript: [
    "class_SharedFunctionInfo__script_or_debug_info__HeapObject",
    "class_SharedFunctionInfo__script__HeapObject",
    "class_SharedFunctionInfo__script_or_debug_info__Object",
  ],
  scriptName: ["class_Script__name__Object"],
  stringLength: ["class_String__length__int32_t"],
  oneByteChars: ["class_SeqOneByteString__chars__char"],
  twoByteChars: ["class_SeqTwoByteString__chars__char"],
  consFirst: ["class_ConsString__first__String"],
  thinActual: ["class_ThinString__actual__String"],
  scopeFirstVariable: ["scopeinfo_idx_first_vars"],
  scopeLocalCount: ["scopeinfo_idx_ncontextlocals"],
  sharedType: ["type_SharedFunctionInfo__SHARED_FUNCTION_INFO_TYPE"],
  scriptType: ["type_Script__SCRIPT_TYPE"],
  scopeType: ["type_ScopeInfo__SCOPE_INFO_TYPE"],
  firstNonString: ["FirstNonstringType"],
  representationMask: ["StringRepresentationMask"],
  sequential: ["SeqStringTag"],
  cons: ["ConsStringTag"],
  thin: ["ThinStringTag"],
  encodingMask: ["StringEncodingMask"],
  oneByte: ["OneByteStringTag"],
} as const satisfies Record<keyof V8Constants, readonly string[]>;

/** @returns undefined when the image says none, or not all that is needed, or compresses pointers as no Node does */
export async function readV8Constants(elf: ElfFile): Promise<V8Constants | undefined> {
  // Most executables have none, and Node's table of symbols is 7 MB.
  if (((await findByGnuHash(elf, PREFIX + NAMES.functionBelow[0])) ?? undefined) === undefined) return undefined;
  const symbols = (await knownSymbols(elf)) ?? (await scanSymbols(elf, ".dynsym", [PREFIX], isConstant));
  const values = await valuesOf(elf, symbols);
  const found: Record<string, number> = {};
  for (const [key, names] of Object.entries(NAMES)) {
    const value = constantOf(values, names);
    if (value === undefined) return undefined;
    found[key] = value;
  }
  const constants = found as unknown as V8Constants;
  const [contextBelow, functionBelow] = [-constants.contextBelow, -constants.functionBelow];
  const isPlain = [contextBelow, functionBelow, constants.functionShared, constants.sharedName].every(
    (offset) => offset > 0 && offset < 1024 && offset % POINTER_BYTES === 0,
  );
  return isPlain ? { ...constants, contextBelow, functionBelow } : undefined;
}

/** They are all ints, beside each other; those that are 0 are not in the file. */
async function valuesOf(elf: ElfFile, symbols: readonly ElfSymbol[]): Promise<ReadonlyMap<string, number>> {
  const inFile = symbols.flatMap((symbol) => {
    const offset = fileOffsetOf(elf, symbol.value);
    return offset === undefined ? [] : [{ symbol, offset }];
  });
  const first = Math.min(...inFile.map(({ offset }) => offset));
  const last = Math.max(...inFile.map(({ offset }) => offset)) + 4;
  const bytes = last - first > MAX_SPAN_BYTES ? new Uint8Array() : await elf.source.read(first, last - first);
  const view = viewOf(bytes);
  const values = new Map<string, number>();
  for (const { symbol, offset } of inFile) {
    if (offset - first + 4 <= bytes.length) values.set(symbol.name, view.getInt32(offset - first, true));
  }
  for (const { name } of symbols) if (!values.has(name)) values.set(name, 0);
  return values;
}

function constantOf(values: ReadonlyMap<string, number>, names: readonly string[]): number | undefined {
  for (const name of names) {
    const exact = values.get(PREFIX + name);
    if (exact !== undefined) return exact;
  }
  // Of another type in this version.
  for (const name of names) {
    const [kind, field] = name.split("__");
    const untyped = `${PREFIX}${kind}__${field}__`;
    const found = [...values].find(([each]) => name.startsWith("class_") && each.startsWith(untyped));
    if (found !== undefined) return found[1];
  }
  return undefined;
}

/** undefined: one of them has another name. */
async function knownSymbols(elf: ElfFile): Promise<readonly ElfSymbol[] | undefined> {
  const symbols: ElfSymbol[] = [];
  for (const names of Object.values(NAMES)) {
    let found: ElfSymbol | null | undefined;
    for (const name of names) found ??= await findByGnuHash(elf, PREFIX + name);
    if (found === null || found === undefined) return undefined;
    symbols.push(found);
  }
  return symbols;
}

function isConstant(name: Buffer): boolean {
  return name.subarray(0, PREFIX.length).equals(RAW_PREFIX);
}
