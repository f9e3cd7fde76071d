/**
 * Go 1.18+: the unit is the goroutine. The register ABI keeps g in R14 (x86-64) and R28 (arm64), and system calls are
 * made on it, so goid is one load away (runtime/runtime2.go, struct g). net/http's client hands its request to another
 * goroutine, writeLoop; whose call it is lies in writeLoop's frame (bpf/unit/go.bpf.h).
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import { GO_BUILD_INFO_SECTION, type GoBuildInfo, parseGoBuildInfo } from "../../ipc/go-build-info.ts";
import { readSection, sectionNamed, u64, viewOf } from "../elf/elf-file.ts";
import { grpcCallsOf } from "./go-grpc.ts";
import { handlersOf } from "./go-handlers.ts";
import { handoversOf } from "./go-handovers.ts";
import { goidOffset, goLayout, goNames } from "./go-layout.ts";
import { findImage, type Image } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import type { UnitFinding, UnitPlan, UnitStep } from "./unit-plan.ts";

const RUNTIME = "go";

/** 1.18 to 1.20 have the goid there; later ones than we know are checked on the live process. */
const OTHER_GOID_OFFSET = 152;
const BUILD_INFO_LIMIT_BYTES = 1 << 20;

/** @returns undefined when the executable was not built by Go */
export async function findGo(process: ProcessView): Promise<UnitFinding | undefined> {
  const image = await findImage(process, "executable");
  if (image === undefined) return undefined;
  const info = await buildInfoOf(image);
  if (info === undefined) return undefined;
  const { version, modules } = info;
  const minor = Number(/^go1\.(\d+)/.exec(version)?.[1] ?? Number.NaN);
  if (!(minor >= 17)) return { runtime: RUNTIME, off: `${version}: before 1.17 g is in no register` };
  const offset = goidOffset(minor) ?? OTHER_GOID_OFFSET;
  const plan = { runtime: RUNTIME, version, unitKind: UnitKind.goroutine, steps: stepsOf(offset), isFinal: true };
  return { ...plan, refine: () => refined(process, image, minor, offset, modules, plan) };
}

/** The tables of a large program take a while to read: its goroutines are told apart before that. */
async function refined(
  process: ProcessView,
  image: Image,
  minor: number,
  offset: number,
  modules: string,
  plan: UnitPlan,
): Promise<UnitFinding> {
  const names = await goNames(image.elf, (path) => modules.includes(`dep\t${path}\t`));
  // At once: each answer of the broker may take a while on a busy host.
  const [doubt, go, handovers, handlers, streams] = await Promise.all([
    checkGoroutines(process, image.loadBias, names.allGoroutines, offset),
    goLayout(image, minor, names),
    handoversOf(process, image, names.functions),
    handlersOf(process, image, names.functions),
    grpcCallsOf(process, image, names.functions),
  ]);
  if (doubt !== undefined) return { runtime: RUNTIME, off: doubt };
  if (go === undefined) return plan;
  const watched = { ...(handovers && { handovers }), ...(handlers && { handlers }), ...(streams && { streams }) };
  return { ...plan, steps: [{ step: "go" }], go, ...watched };
}

function stepsOf(goid: number): readonly UnitStep[] {
  return [{ step: "register_g", operand: goid }, { step: "load", operand: 0 }, { step: "to_coroutine" }];
}

async function buildInfoOf({ elf }: Pick<Image, "elf">): Promise<GoBuildInfo | undefined> {
  const section = sectionNamed(elf, GO_BUILD_INFO_SECTION);
  const bytes = section === undefined ? undefined : await readSection(elf, section, BUILD_INFO_LIMIT_BYTES);
  return bytes && parseGoBuildInfo(bytes);
}

/** Where symbols are left: the first goroutines of runtime.allgs carry small, different ids. */
async function checkGoroutines(
  process: ProcessView,
  loadBias: number,
  allGoroutines: number | undefined,
  goidOffset: number,
): Promise<string | undefined> {
  const header = allGoroutines === undefined ? new Uint8Array() : await process.memory(loadBias + allGoroutines, 16);
  if (header.length < 16) return undefined;
  const view = viewOf(header);
  const count = Math.min(u64(view, 8), 4);
  const pointers = await process.memory(u64(view, 0), 8 * count);
  const found = Math.floor(pointers.length / 8);
  const addresses = Array.from({ length: found }, (_, index) => u64(viewOf(pointers), index * 8) + goidOffset);
  const goids = await Promise.all(addresses.map((address) => process.memory(address, 8)));
  if (goids.some((goid) => goid.length < 8)) return undefined;
  const ids = new Set(goids.map((goid) => u64(viewOf(goid), 0)));
  const areSmall = [...ids].every((id) => id < 1_000_000);
  return areSmall && ids.size === found ? undefined : "goids are not where the version's layout says";
}
