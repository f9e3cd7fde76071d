/** Puts functions of JavaScript and Java, which the machine's stack has no names for, into it. */
import type { Frame, FrameLine } from "../profile.ts";
import type { ScriptFrame } from "./stack-sample.ts";

/** V8's loops: what they run is the function. They are in the executable, or copied beside the code that V8 makes. */
const LOOPS = /^Builtins_(?:InterpreterEntryTrampoline|BaselineOrInterpreterEnterAt|InterpreterEnterAt|.*Handler$)/;

/**
 * A frame of a function's own code gives way to it. V8's own code with a name stays, and was called by the function whose frame
 * it works in.
 * @param native the leaf first
 */
export function addScriptFrames(native: readonly Frame[], scripts: readonly ScriptFrame[]): Frame[] {
  const byIndex = new Map(scripts.map((script) => [script.index, script]));
  return native.flatMap((frame, index) => {
    const script = byIndex.get(index);
    if (script === undefined) return [frame];
    // HotSpot's own frames have no name but this one.
    if (frame.type === "jvm") return [frameOf(script, "jvm")];
    // Whose code it is, whatever was put into it.
    const name = frame.lines.at(-1)?.functionName;
    // Functions of V8 itself have no script.
    const isOwn = name === undefined || frame.type === "v8js" || LOOPS.test(name) || script.line.fileName === undefined;
    // A perf map says the line too.
    if (frame.type === "v8js" && frame.lines.some(({ lineNumber }) => lineNumber > 0)) return [frame];
    return isOwn ? [frameOf(script, "v8js")] : [frame, frameOf(script, "v8js")];
  });
}

function frameOf({ line }: ScriptFrame, type: string): Frame {
  let frame = known.get(line);
  if (frame === undefined) {
    frame = { address: 0n, mapping: undefined, type, lines: [line] };
    known.set(line, frame);
  }
  return frame;
}

/** Lines are shared between samples, and so are their frames. */
const known = new WeakMap<FrameLine, Frame>();
