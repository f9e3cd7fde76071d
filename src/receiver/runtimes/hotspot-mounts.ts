/**
 * Where uprobes see a HotSpot's virtual threads pause and go on (bpf/socket/java_mount.bpf.h): functions of
 * continuationFreezeThaw.cpp, which have symbols. What is mounted on a thread, and its object, are found in the code of the
 * first one, since the VM describes them from JDK 24 on only.
 */
import { fileOffsetOf } from "../elf/elf-file.ts";
import type { ElfSymbol } from "../elf/symbols.ts";
import { placeAt } from "./code-place.ts";
import { mountedOffsets } from "./hotspot-continuation.ts";
import { codeOf, type Image } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import type { UprobePlan } from "./unit-plan.ts";

const THAW = "_ZN12Continuation12prepare_thawEP10JavaThreadb";
/** With compressed references; for G1, and for the other collectors whose objects are read. */
const FREEZE = ["G1", "CardTable"].map((barriers) => {
  const name = `${barriers}BarrierSet`;
  return `_Z6freezeI6ConfigIL8oop_kind0E${name.length}${name}EEiP10JavaThreadPl`;
});

export const MOUNT_SYMBOLS: readonly string[] = [THAW, ...FREEZE];

const CODE_BYTES = 96;
export interface Mounts {
  readonly uprobes: readonly UprobePlan[];
  /** Of a JavaThread: the ContinuationEntry that is mounted on it. */
  readonly continuationEntry: number;
  /** Of a ContinuationEntry: its object. */
  readonly continuation: number;
}

/** @returns undefined where they can't be seen */
export async function findMounts(
  process: ProcessView,
  image: Image,
  symbols: readonly ElfSymbol[],
): Promise<Mounts | undefined> {
  const thaw = symbols.find(({ name }) => name === THAW);
  const freezes = symbols.filter(({ name }) => FREEZE.includes(name));
  if (thaw === undefined || freezes.length === 0) return undefined;
  const offsets = mountedOffsets(await codeOf(image, thaw, CODE_BYTES));
  if (offsets === undefined) return undefined;
  const places = await Promise.all(
    [thaw, ...freezes].map(async ({ name, value }) => {
      const place = fileOffsetOf(image.elf, value) && (await placeAt(process, image.loadBias + value));
      return place
        ? { program: name === THAW ? ("java_thaw" as const) : ("java_freeze" as const), ...place }
        : undefined;
    }),
  );
  const uprobes = places.filter((place) => place !== undefined);
  return uprobes.length === places.length ? { ...offsets, uprobes } : undefined;
}
