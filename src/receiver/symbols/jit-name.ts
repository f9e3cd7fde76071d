/** What runtimes write into perf maps, as function, file and line. */
import type { FrameLine } from "../../mapping/profile.ts";

const NAME_LIMIT_CHARACTERS = 1024;

/** `JS:*handle /app/server.js:10:20`: kind, tier (~ interpreted, ^ baseline, + mid, * optimised), name, place. */
const V8 = /^(?:JS|LazyCompile|Function|Script|Eval|RegExp|Builtin|Stub|BytecodeHandler|Handler|Wasm)(?::|$)/;
const V8_PLACE =
  /^(?:JS|LazyCompile|Function|Script|Eval):[~^+*]?(.*?) ?((?:node:|file:|\/|[\w.-]+\/)[^\s]*?|\S*?):(\d+):(\d+)$/;

interface JitName {
  /** profile.frame.type; undefined: as the process's runtime says. */
  readonly type: "v8js" | "cpython" | undefined;
  readonly line: FrameLine;
}

export function jitName(name: string): JitName {
  const bounded = name.slice(0, NAME_LIMIT_CHARACTERS);
  // CPython 3.12 -X perf: `py::function:/path/file.py`.
  const python = /^py::(.+?):([^:]+)$/.exec(bounded);
  if (python !== null) return { type: "cpython", line: frameLine(python[1]!, python[2], 0) };
  if (!V8.test(bounded)) return { type: undefined, line: frameLine(bounded, undefined, 0) };
  const place = V8_PLACE.exec(bounded);
  if (place !== null) {
    const [, functionName = "", file, line] = place;
    return { type: "v8js", line: frameLine(functionName === "" ? "(anonymous)" : functionName, file, Number(line)) };
  }
  const bare = bounded.replace(/^(?:JS|LazyCompile|Function|Script|Eval):[~^+*]?/, "").trim();
  return { type: "v8js", line: frameLine(bare === "" ? "(anonymous)" : bare, undefined, 0) };
}

function frameLine(functionName: string, fileName: string | undefined, lineNumber: number): FrameLine {
  return { functionName, fileName: fileName === "" ? undefined : fileName, lineNumber };
}
