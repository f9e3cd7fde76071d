/**
 * What a libuv loop is doing, told by one word of its thread's stack: uv_run calls uv__run_timers, uv__io_poll,
 * uv__run_check and so on from one frame that stands as long as the loop runs, so the place where it keeps the return
 * address of the function that it is in never moves. While that is the one behind the call of uv__io_poll, the
 * callback of a polled descriptor runs; else a timer, an immediate, a closing handle.
 *
 * uv_run is exported (uv.h). uv__io_poll is told among its callees by its frame, which holds 1024 epoll events of 12
 * bytes (src/unix/linux.c, before 1.45 linux-core.c); the other callees need next to none.
 */
import { ElfMachine, u64, viewOf } from "../elf/elf-file.ts";
import { type ElfSymbol, findSymbol } from "../elf/symbols.ts";
import { ByBuildId } from "./by-build-id.ts";
import { codeOf, findImage, type Image } from "./images.ts";
import { initialStackPointer } from "./initial-stack.ts";
import type { ProcessView } from "./process-view.ts";

const CALL_RELATIVE = 0xe8;
const CALL_BYTES = 5;
const MAX_CODE_BYTES = 8192;
const PROLOGUE_BYTES = 96;
const POLL_FRAME_BYTES = 1024 * 12;
const MAX_FRAME_BYTES = 1 << 20;
const STACK_BYTES = 1 << 20;
const MAX_DISTANCES = 64;

/** Addresses of the file, the same in all processes that run it. */
interface RunCode {
  /** Behind each call. */
  readonly returns: readonly number[];
  /** Behind the call of uv__io_poll. */
  readonly poll: number;
  /** From the slot to the initial stack pointer: how often seen in processes whose loop ran. */
  readonly distances: Map<number, number>;
}

interface LoopPlace {
  /** Where the main thread's stack holds the return address into uv_run. */
  readonly slot: number;
  /** What is there while the loop polls. */
  readonly poll: number;
  /** It was seen there; else it will be. */
  readonly isRunning: boolean;
  /** From the slot to the initial stack pointer; only where the program is always loaded at the same address. */
  readonly distanceBytes: number | undefined;
}

const runCodes = new ByBuildId<RunCode | string>(readRunCode);

/** @returns a text: why it is not known */
export async function findLoop(process: ProcessView): Promise<LoopPlace | string> {
  const image = (await findImage(process, /^libuv\.so/)) ?? (await findImage(process, "executable"));
  if (image === undefined) return "the executable can't be read";
  const code = await runCodes.of(image);
  if (typeof code === "string") return code;
  const slot = await findSlot(process, code, image.loadBias);
  return slot === undefined
    ? "its loop does not run yet"
    : {
        ...slot,
        poll: code.poll + image.loadBias,
        distanceBytes: image.loadBias === 0 ? usualDistance(code) : undefined,
      };
}

async function readRunCode(image: Image): Promise<RunCode | string> {
  if (image.elf.machine !== ElfMachine.x86_64) return "not x86-64";
  const run = await findSymbol(image.elf, "uv_run");
  if (run === undefined) return "uv_run is not exported";
  const code = await codeOf(image, run, MAX_CODE_BYTES);
  const view = viewOf(code);
  const returns: number[] = [];
  const polls = new Set<number>();
  for (let at = 0; at + CALL_BYTES <= code.length; at++) {
    if (code[at] !== CALL_RELATIVE) continue;
    const behind = run.value + at + CALL_BYTES;
    const target = behind + view.getInt32(at + 1, true);
    const frameBytes = await frameOf(image, target);
    if (frameBytes === undefined) continue;
    returns.push(behind);
    if (frameBytes >= POLL_FRAME_BYTES) polls.add(behind);
  }
  const [poll] = polls;
  if (poll === undefined || polls.size > 1) return "the call of uv__io_poll was not found in uv_run";
  return { returns, poll, distances: new Map() };
}

/**
 * The largest constant that the beginning of a function takes from its stack pointer: `sub $N,%rsp`, or with
 * -fstack-clash-protection `lea -N(%rsp),%r11`. undefined: no function begins there.
 */
async function frameOf(image: Image, address: number): Promise<number | undefined> {
  const symbol: ElfSymbol = { name: "", value: address, sizeBytes: PROLOGUE_BYTES, type: 0 };
  const code = await codeOf(image, symbol, PROLOGUE_BYTES);
  if (code.length < PROLOGUE_BYTES || !isFunctionStart(code)) return undefined;
  const view = viewOf(code);
  let largest = 0;
  for (let at = 0; at + 8 <= code.length; at++) {
    let frameBytes = 0;
    if (code[at] === 0x48 && code[at + 1] === 0x81 && code[at + 2] === 0xec) frameBytes = view.getInt32(at + 3, true);
    else if (code[at] === 0x4c && code[at + 1] === 0x8d && code[at + 2] === 0x9c && code[at + 3] === 0x24)
      frameBytes = -view.getInt32(at + 4, true);
    if (frameBytes > largest && frameBytes < MAX_FRAME_BYTES) largest = frameBytes;
  }
  return largest;
}

/** `push`, `endbr64`, `sub`, `mov`, `lea`, `cmp`, `test`, `xor`: a byte that only looks like a call rarely leads to one. */
function isFunctionStart(code: Uint8Array): boolean {
  const [first = 0, second = 0] = code;
  const isPush = (first >= 0x50 && first <= 0x57) || (first === 0x41 && second >= 0x50 && second <= 0x57);
  const isEndbr = first === 0xf3 && second === 0x0f;
  return isPush || isEndbr || first === 0x48 || first === 0x4c || [0x31, 0x83, 0x85, 0x89, 0x8b, 0xb8].includes(first);
}

/**
 * The outermost one: loops that run inside the loop, or before it (spawnSync), are deeper. Where it does not run yet it
 * will be where it was in another process of the same program; a slot that turns out to hold anything else says nothing.
 */
async function findSlot(
  process: ProcessView,
  code: RunCode,
  loadBias: number,
): Promise<Pick<LoopPlace, "slot" | "isRunning"> | undefined> {
  const stack = (await process.mappings()).find(({ path }) => path === "[stack]");
  if (stack === undefined) return undefined;
  const from = Math.max(stack.start, stack.end - STACK_BYTES);
  const bytes = await process.memory(from, stack.end - from);
  const slot = slotIn(bytes, from, new Set(code.returns.map((address) => address + loadBias)));
  const initial = initialStackPointer(bytes, from);
  if (slot !== undefined) {
    if (initial !== undefined) noteDistance(code, initial - slot);
    return { slot, isRunning: true };
  }
  const usual = usualDistance(code);
  return initial === undefined || usual === undefined ? undefined : { slot: initial - usual, isRunning: false };
}

function noteDistance({ distances }: RunCode, distanceBytes: number): void {
  if (distances.size < MAX_DISTANCES || distances.has(distanceBytes)) {
    distances.set(distanceBytes, (distances.get(distanceBytes) ?? 0) + 1);
  }
}

/** It varies a little with how the program was started. */
function usualDistance({ distances }: RunCode): number | undefined {
  let usual: number | undefined;
  for (const [distanceBytes, count] of distances) {
    if (usual === undefined || count > distances.get(usual)!) usual = distanceBytes;
  }
  return usual;
}

function slotIn(bytes: Uint8Array, from: number, returns: ReadonlySet<number>): number | undefined {
  const view = viewOf(bytes);
  for (let at = (bytes.length & ~7) - 8; at >= 0; at -= 8) if (returns.has(u64(view, at))) return from + at;
  return undefined;
}
