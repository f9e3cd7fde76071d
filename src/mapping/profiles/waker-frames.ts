/**
 * A wait and what ended it as one stack, as bcc's offwaketime draws it: upwards from the root the frames that wait, a mark, then the waker's
 * frames the other way round, so that what woke meets what was woken, and at the top whose they are.
 */
import type { Frame } from "../profile.ts";

const MARK = named("--waker--", "kernel");
const INTERRUPT = named("waker:[interrupt]", "kernel");
/** Where the kernel is entered by an interrupt (arch/x86/include/asm/idtentry.h): what lies below has nothing to do with it. */
const INTERRUPT_ENTRY = /^asm_(?:sysvec_|common_interrupt$|exc_nmi$)/;
const COMM_LIMIT = 1000;

/**
 * @param blocked the leaf first, as `waker` and what is returned. Equal arguments give the same array
 * @param wakerComm "": of a thread that is not told of, and only what an interrupt did while it ran is
 */
export function withWakerFrames(
  blocked: readonly Frame[],
  waker: readonly Frame[],
  wakerComm: string,
): readonly Frame[] {
  let byWaker = known.get(blocked);
  if (byWaker === undefined) {
    byWaker = new WeakMap();
    known.set(blocked, byWaker);
  }
  let byComm = byWaker.get(waker);
  if (byComm === undefined) {
    byComm = new Map();
    byWaker.set(waker, byComm);
  }
  let joined = byComm.get(wakerComm);
  if (joined === undefined) {
    joined = join(blocked, waker, wakerComm);
    byComm.set(wakerComm, joined);
  }
  return joined;
}

const known = new WeakMap<readonly Frame[], WeakMap<readonly Frame[], Map<string, readonly Frame[]>>>();

function join(blocked: readonly Frame[], waker: readonly Frame[], wakerComm: string): readonly Frame[] {
  const entry = waker.findIndex(({ type, lines }) => type === "kernel" && INTERRUPT_ENTRY.test(nameOf(lines)));
  if (entry < 0 && wakerComm === "") return blocked;
  const frames = entry < 0 ? waker : waker.slice(0, entry + 1);
  return [entry < 0 ? ofThread(wakerComm) : INTERRUPT, ...frames.toReversed().flatMap(turned), MARK, ...blocked];
}

function nameOf(lines: Frame["lines"]): string {
  return lines.at(-1)?.functionName ?? "";
}

/** What was put into a function is called by it: turned round, each is a frame of its own. */
function turned(frame: Frame): readonly Frame[] {
  if (frame.lines.length < 2) return [frame];
  let frames = turnedFrames.get(frame);
  if (frames === undefined) {
    frames = frame.lines
      .toReversed()
      .map((line) => ({ address: 0n, mapping: undefined, type: frame.type, lines: [line] }));
    turnedFrames.set(frame, frames);
  }
  return frames;
}

const turnedFrames = new WeakMap<Frame, readonly Frame[]>();

function ofThread(comm: string): Frame {
  let frame = threads.get(comm);
  if (frame === undefined) {
    if (threads.size >= COMM_LIMIT) threads.clear();
    frame = named(`waker:${comm}`, "native");
    threads.set(comm, frame);
  }
  return frame;
}

const threads = new Map<string, Frame>();

function named(functionName: string, type: string): Frame {
  return { address: 0n, mapping: undefined, type, lines: [{ functionName, fileName: undefined, lineNumber: 0 }] };
}
