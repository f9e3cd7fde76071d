/**
 * Where Node keeps the ids of its asynchronous resources: Environment::async_hooks_.async_id_fields_ (src/env.h), four
 * doubles {execution, trigger, counter, default trigger}, whose address never changes. No symbol leads there. They are
 * told by what they are (whole numbers, the counter the highest, the last -1) and by the AliasedFloat64Array
 * (src/aliased_buffer.h) that points to them: {isolate, count 4, byte offset 0, buffer}. Both are allocated when the
 * process starts, so they lie in the first megabytes of its heap.
 */
import { viewOf } from "../elf/elf-file.ts";
import type { ProcessView } from "./process-view.ts";

const HEAP_BYTES = 8 << 20;
const FIELDS_BYTES = 32;
const FIELDS = 4;
const NONE = -1;

/** @returns the address of the four doubles of the main thread */
export async function findAsyncIds(process: ProcessView): Promise<number | undefined> {
  const heap = (await process.mappings()).find(({ path }) => path === "[heap]");
  if (heap === undefined) return undefined;
  const bytes = await process.memory(heap.start, Math.min(HEAP_BYTES, heap.end - heap.start));
  const fields = fieldsIn(bytes, heap.start);
  const found = fields.size === 0 ? [] : [...arraysIn(bytes, fields)];
  return found.length === 1 ? found[0] : undefined;
}

/** Addresses of doubles that can be the ids. */
function fieldsIn(bytes: Uint8Array, start: number): Set<number> {
  const view = viewOf(bytes);
  const found = new Set<number>();
  // Allocations are aligned to 16 bytes.
  for (let at = 0; at + FIELDS_BYTES <= bytes.length; at += 16) {
    if (view.getFloat64(at + 24, true) !== NONE) continue;
    const execution = view.getFloat64(at, true);
    const trigger = view.getFloat64(at + 8, true);
    const counter = view.getFloat64(at + 16, true);
    if (isId(execution) && isId(trigger) && isId(counter) && counter >= 1 && counter >= Math.max(execution, trigger)) {
      found.add(start + at);
    }
  }
  return found;
}

function isId(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Of those, the ones that an array of four with no offset points to. */
function arraysIn(bytes: Uint8Array, fields: ReadonlySet<number>): Set<number> {
  const view = viewOf(bytes);
  const found = new Set<number>();
  for (let at = 8; at + 24 <= bytes.length; at += 8) {
    if (view.getUint32(at, true) !== FIELDS || view.getUint32(at + 4, true) !== 0) continue;
    if (view.getUint32(at + 8, true) !== 0 || view.getUint32(at + 12, true) !== 0) continue;
    const buffer = view.getUint32(at + 20, true) * 0x1_0000_0000 + view.getUint32(at + 16, true);
    if (fields.has(buffer)) found.add(buffer);
  }
  return found;
}
