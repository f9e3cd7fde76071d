/**
 * What is mounted on a thread of HotSpot: where its code looks, since the VM describes that from JDK 24 on only, and not where
 * the continuation's object is.
 */

/** mov disp32(%rdi), %rax; mov disp8(%rax), %r13 */
const ENTRY = [0x48, 0x8b, 0x87] as const;
const CONTINUATION = [0x4c, 0x8b, 0x68] as const;
const MAX_ENTRY_OFFSET = 0x2000;

/** @param code of Continuation::prepare_thaw, which begins with what is mounted on the thread */
export function mountedOffsets(
  code: Uint8Array,
): { readonly continuationEntry: number; readonly continuation: number } | undefined {
  const bytes = Buffer.from(code.buffer, code.byteOffset, code.byteLength);
  const entryAt = bytes.indexOf(Buffer.from(ENTRY));
  if (entryAt < 0) return undefined;
  const behind = entryAt + ENTRY.length + 4;
  const continuationAt = bytes.indexOf(Buffer.from(CONTINUATION), behind);
  if (continuationAt < 0 || continuationAt + CONTINUATION.length >= bytes.length) return undefined;
  const continuationEntry = bytes.readUInt32LE(entryAt + ENTRY.length);
  const continuation = bytes[continuationAt + CONTINUATION.length]!;
  return continuationEntry < MAX_ENTRY_OFFSET ? { continuationEntry, continuation } : undefined;
}
