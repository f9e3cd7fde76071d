/** What people read for a frame. */
import type { Frame, FrameLine } from "../profile.ts";

interface FrameLabel {
  readonly name: string;
  /** `server.js:12`, else the file that the code is in. */
  readonly place: string;
}

/** The innermost inlined function first; one label for a frame that has no name: its file in brackets. */
export function frameLabels(frame: Frame): readonly FrameLabel[] {
  let labels = known.get(frame);
  if (labels === undefined) {
    const file = frame.mapping === undefined ? "" : baseName(frame.mapping.fileName);
    labels =
      frame.lines.length > 0
        ? frame.lines.map((line) => ({ name: line.functionName, place: placeOf(line) || file }))
        : [{ name: `[${file === "" ? (frame.type === "kernel" ? "kernel" : "unknown") : file}]`, place: file }];
    known.set(frame, labels);
  }
  return labels;
}

/** Frames are shared between samples. */
const known = new WeakMap<Frame, readonly FrameLabel[]>();

function placeOf({ fileName, lineNumber }: FrameLine): string {
  if (fileName === undefined) return "";
  return lineNumber > 0 ? `${baseName(fileName)}:${lineNumber}` : baseName(fileName);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
