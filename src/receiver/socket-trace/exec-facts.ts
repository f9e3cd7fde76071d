import type { ProcessEvent } from "../../bpf/layout.gen.ts";
import type { ExecFacts } from "../process-table.ts";

/** The text behind an exec event: the path, then argv with a NUL after each argument (the last may be cut). */
export function execFacts(event: ProcessEvent, view: DataView, textOffset: number): ExecFacts | undefined {
  const { filenameLength, argumentsLength } = event;
  if (filenameLength === 0 || textOffset + filenameLength + argumentsLength > view.byteLength) return undefined;
  const text = Buffer.from(view.buffer, view.byteOffset + textOffset, filenameLength + argumentsLength);
  const argv = text.toString("utf8", filenameLength).split("\0");
  if (argv.at(-1) === "") argv.pop();
  return { filename: text.toString("utf8", 0, filenameLength), commandLine: argv };
}
