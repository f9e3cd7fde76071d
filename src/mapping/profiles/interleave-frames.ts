/** Puts an interpreter's frames into the machine's stack, where its loop runs them. */
import type { Frame } from "../profile.ts";
import type { InterpretedFrame, InterpreterStack } from "./stack-sample.ts";

/**
 * Each loop function among the native frames gives way to the frames that it runs, up to its entry frame.
 * @param native the leaf first
 */
export function interleaveFrames(native: readonly Frame[], { type, loopFunctions, frames }: InterpreterStack): Frame[] {
  const stack: Frame[] = [];
  let next = 0;
  for (const frame of native) {
    const isLoop = frame.lines.some(({ functionName }) => loopFunctions.includes(functionName));
    if (!isLoop || next >= frames.length) {
      stack.push(frame);
      continue;
    }
    for (let isEntry = false; !isEntry && next < frames.length; next++) {
      const interpreted = frames[next]!;
      stack.push(frameOf(interpreted, type));
      isEntry = interpreted.isEntry;
    }
  }
  // No loop was recognised, or the machine's stack was cut: they are its callers all the same.
  for (; next < frames.length; next++) stack.push(frameOf(frames[next]!, type));
  return stack;
}

function frameOf(interpreted: InterpretedFrame, type: string): Frame {
  let frame = known.get(interpreted);
  if (frame === undefined) {
    const { functionName, fileName, lineNumber } = interpreted;
    frame = { address: 0n, mapping: undefined, type, lines: [{ functionName, fileName, lineNumber }] };
    known.set(interpreted, frame);
  }
  return frame;
}

/** Samples share what was interpreted, and so its frame. */
const known = new WeakMap<InterpretedFrame, Frame>();
