/**
 * Where the kernel put argc when it started the program (System V ABI x86-64, 3.4.1): argc, argv, NULL, envp, NULL, the
 * auxiliary vector, then the strings. The frames of main and of what it calls begin below it, always at the same
 * distance for the same program.
 */
import { u64, viewOf } from "../elf/elf-file.ts";

/** uapi/linux/auxvec.h; the two always come one after the other (fs/binfmt_elf.c). */
const AT_PAGESZ = 6;
const AT_CLKTCK = 17;
const CLOCK_TICKS = 100;
const MAX_TYPE = 64;

/**
 * @param bytes of the stack, to its end
 * @param from address of the first
 */
export function initialStackPointer(bytes: Uint8Array, from: number): number | undefined {
  const view = viewOf(bytes);
  const word = (at: number): number => (at >= 0 && at + 8 <= bytes.length ? u64(view, at) : Number.NaN);
  let at = (bytes.length & ~15) - 32;
  while (at >= 0 && !(word(at) === AT_PAGESZ && word(at + 16) === AT_CLKTCK && word(at + 24) === CLOCK_TICKS)) at -= 8;
  if (at < 0) return undefined;
  while (word(at - 16) > 0 && word(at - 16) < MAX_TYPE) at -= 16;
  if (word(at - 8) !== 0) return undefined;
  at -= 8;
  // Variables that were taken away leave more than one NULL.
  while (word(at) === 0) at -= 8;
  while (word(at) > 0) at -= 8;
  const argumentsEnd = at;
  at -= 8;
  while (word(at) >= from) at -= 8;
  const count = (argumentsEnd - at) / 8 - 1;
  return count > 0 && word(at) === count ? from + at : undefined;
}
