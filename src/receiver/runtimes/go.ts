/**
 * Go 1.18+: the unit is the goroutine. The register ABI keeps g in R14 (x86-64) and R28 (arm64), and system calls are
 * made on it, so goid is one load away (runtime/runtime2.go, struct g). net/http's client hands its request to another
 * goroutine, writeLoop; the channel on which the caller is parked lies at a fixed distance below writeLoop's stack top.
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import { readSection, sectionNamed, u64, viewOf } from "../elf/elf-file.ts";
import { addressOf, findImage, type Image } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import { goCallerOperand, type UnitFinding, type UnitStep } from "./unit-plan.ts";

const RUNTIME = "go";

/** Of struct g, hchan and sudog (runtime/runtime2.go, chan.go) and of writeLoop's frame on x86-64, by minor version. */
interface Layout {
  readonly goid: number;
  /** Below g.stack.hi: writeRequest.ch in the frame of net/http.(*persistConn).writeLoop. */
  readonly writeRequestDistance: number;
  readonly receiveQueue: number;
  readonly sudogChannel: number;
}

const LAYOUTS = new Map<number, Layout>([
  [21, { goid: 152, writeRequestDistance: 128, receiveQueue: 56, sudogChannel: 80 }],
  [22, { goid: 152, writeRequestDistance: 96, receiveQueue: 56, sudogChannel: 80 }],
  [23, { goid: 160, writeRequestDistance: 96, receiveQueue: 64, sudogChannel: 80 }],
  [24, { goid: 160, writeRequestDistance: 96, receiveQueue: 64, sudogChannel: 80 }],
  [25, { goid: 152, writeRequestDistance: 96, receiveQueue: 64, sudogChannel: 80 }],
  [26, { goid: 152, writeRequestDistance: 96, receiveQueue: 64, sudogChannel: 88 }],
]);
/** 1.18 to 1.20 have the goid there; later ones than we know are checked on the live process. */
const OTHER_GOID_OFFSET = 152;
const BUILD_INFO_LIMIT_BYTES = 1 << 20;
const MAGIC = Buffer.from("\xff Go buildinf:", "latin1");
const FLAG_INLINE = 2;
const STRINGS_OFFSET = 32;

/** @returns undefined when the executable was not built by Go */
export async function findGo(process: ProcessView): Promise<UnitFinding | undefined> {
  const image = await findImage(process, "executable");
  if (image === undefined) return undefined;
  const version = await goVersionOf(image);
  if (version === undefined) return undefined;
  const minor = Number(/^go1\.(\d+)/.exec(version)?.[1] ?? Number.NaN);
  if (!(minor >= 17)) return { runtime: RUNTIME, off: `${version}: before 1.17 g is in no register` };
  const layout = LAYOUTS.get(minor);
  const goidOffset = layout?.goid ?? OTHER_GOID_OFFSET;
  const doubt = await checkGoroutines(process, image, goidOffset);
  if (doubt !== undefined) return { runtime: RUNTIME, off: doubt };
  return {
    runtime: RUNTIME,
    version,
    unitKind: UnitKind.goroutine,
    steps: stepsOf(goidOffset, layout),
    isFinal: true,
  };
}

function stepsOf(goid: number, layout: Layout | undefined): readonly UnitStep[] {
  const own: UnitStep[] = [
    { step: "register_g", operand: goid },
    { step: "load", operand: 0 },
    { step: "to_coroutine" },
  ];
  if (layout === undefined) return own;
  const { writeRequestDistance, receiveQueue, sudogChannel } = layout;
  return [
    ...own,
    { step: "register_g", operand: 0 },
    { step: "go_caller", operand: goCallerOperand(writeRequestDistance, receiveQueue, sudogChannel) },
    { step: "add", operand: goid },
    { step: "load", operand: 0 },
    { step: "to_unit" },
  ];
}

/** `go1.22.5`, from the .go.buildinfo section in its form since Go 1.18 (debug/buildinfo), else undefined. */
export async function goVersionOf(image: Pick<Image, "elf">): Promise<string | undefined> {
  const section = sectionNamed(image.elf, ".go.buildinfo");
  const bytes = section === undefined ? undefined : await readSection(image.elf, section, BUILD_INFO_LIMIT_BYTES);
  if (bytes === undefined || !MAGIC.equals(bytes.subarray(0, MAGIC.length))) return undefined;
  const isInline = ((bytes[15] ?? 0) & FLAG_INLINE) !== 0;
  const lengthBytes = bytes[STRINGS_OFFSET] ?? 0;
  // A varint below 128 is one byte; no version is longer.
  if (!isInline || lengthBytes === 0 || lengthBytes > 127) return undefined;
  const text = Buffer.from(bytes.subarray(STRINGS_OFFSET + 1, STRINGS_OFFSET + 1 + lengthBytes)).toString("latin1");
  return /^(?:go|devel)[\x20-\x7e]+$/.test(text) ? text : undefined;
}

/** Where symbols are left: the first goroutines of runtime.allgs carry small, different ids. */
async function checkGoroutines(process: ProcessView, image: Image, goidOffset: number): Promise<string | undefined> {
  const allgs = await addressOf(image, "runtime.allgs");
  const header = allgs === undefined ? new Uint8Array() : await process.memory(allgs, 16);
  if (header.length < 16) return undefined;
  const view = viewOf(header);
  const count = Math.min(u64(view, 8), 4);
  const pointers = await process.memory(u64(view, 0), 8 * count);
  const ids = new Set<number>();
  for (let at = 0; at + 8 <= pointers.length; at += 8) {
    const goid = await process.memory(u64(viewOf(pointers), at) + goidOffset, 8);
    if (goid.length < 8) return undefined;
    ids.add(u64(viewOf(goid), 0));
  }
  const areSmall = [...ids].every((id) => id < 1_000_000);
  return areSmall && ids.size === Math.floor(pointers.length / 8)
    ? undefined
    : "goids are not where the version's layout says";
}
