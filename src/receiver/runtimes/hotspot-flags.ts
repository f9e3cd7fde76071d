/** Whether objects of a HotSpot can be read from outside, by its flags as they are in force (jvmFlag.hpp). */
import type { MemoryBlocks } from "./hotspot-classes.ts";
import type { VmStructs } from "./vm-structs.ts";

export const FLAG_TYPES = ["JVMFlag"];

const MAX_FLAGS = 4096;
const MAX_FLAG_NAME_BYTES = 48;
/** They move objects only while all threads of Java stand still, and count how often. */
const COLLECTORS = ["UseG1GC", "UseParallelGC", "UseSerialGC"];
const NEEDED = "UseCompressedOops";
const HINDERS = "UseCompactObjectHeaders";

/** @returns why it can't be read, in words for a user */
export async function whyNoObjects(memory: MemoryBlocks, structs: VmStructs): Promise<string | undefined> {
  const flags = await flagsSet(memory, structs);
  if (!COLLECTORS.some((name) => flags.has(name))) return "its collector moves objects while the program runs";
  if (!flags.has(NEEDED)) return "its references are not compressed: the heap has 32 GiB or more";
  return flags.has(HINDERS) ? "its objects have compact headers" : undefined;
}

async function flagsSet(memory: MemoryBlocks, structs: VmStructs): Promise<ReadonlySet<string>> {
  const wanted = [...COLLECTORS, NEEDED, HINDERS];
  const { offsets, addresses, sizes } = structs;
  const [table, count] = [addresses.get("JVMFlag::flags"), addresses.get("JVMFlag::numFlags")];
  const [name, value, size] = [offsets.get("JVMFlag::_name"), offsets.get("JVMFlag::_addr"), sizes.get("JVMFlag")];
  const set = new Set<string>();
  if (table === undefined || count === undefined || name === undefined || value === undefined || !size) return set;
  const flags = await memory.pointer(table);
  const length = Math.min(await memory.pointer(count), MAX_FLAGS);
  for (let at = flags; at < flags + length * size; at += size) {
    const text = await memory.pointer(at + name);
    if (text === 0) continue;
    const bytes = Buffer.from(await memory.bytes(text, MAX_FLAG_NAME_BYTES)).toString("latin1");
    const flag = bytes.slice(0, bytes.indexOf("\0"));
    if (wanted.includes(flag) && (await memory.bytes(await memory.pointer(at + value), 1))[0] === 1) set.add(flag);
  }
  return set;
}
