/** Names of CPython's frames: code objects are read from the process's memory, once while they are sampled often. */

import { encodeInterpreter, PROFILE_LAYOUT } from "../../bpf/layout.gen.ts";
import { makeRoom } from "../../make-room.ts";
import type { InterpretedFrame, InterpreterStack } from "../../mapping/profiles/stack-sample.ts";
import { findThreadStateKey } from "../runtimes/cpython.ts";
import type { MemoryMapping, ProcessView } from "../runtimes/process-view.ts";
import { type CodeObject, readCode } from "./cpython-code.ts";
import { CPYTHON_LAYOUTS, type CpythonLayout } from "./cpython-layout.ts";
import { lineAt } from "./cpython-lines.ts";

const LOOP_FUNCTIONS = ["_PyEval_EvalFrameDefault"];
const CODE_LIMIT = 20_000;
const PROCESS_LIMIT = 1024;
/** Of one code object. */
const FRAME_LIMIT = 4096;
/** Code objects come and go with their addresses: after so long one is read again. */
const TRUSTED_MS = 30_000;
const IMAGE = /\/(?:libpython3\.\d+[^/]*\.so[^/]*|python3\.\d+)$/;

interface RawFrame {
  readonly code: bigint;
  readonly instruction: bigint;
  readonly isEntry: boolean;
}

interface Known {
  readonly readMs: number;
  isRead: boolean;
  /** undefined: there is none at the address. */
  code: CodeObject | undefined;
  readonly frames: Map<number, InterpretedFrame>;
  reading: Promise<void>;
}

interface PythonProcess {
  readonly view: ProcessView;
  readonly layout: CpythonLayout;
  readonly codes: Map<bigint, Known>;
}

interface CpythonFramesOptions {
  view(tgid: number, executable: string): ProcessView;
  /** Writes the map `interpreters`. */
  write(tgid: number, value: Uint8Array): Promise<unknown>;
  readonly now: () => number;
}

export class CpythonFrames {
  readonly #options: CpythonFramesOptions;
  readonly #processes = new Map<number, PythonProcess>();

  constructor(options: CpythonFramesOptions) {
    this.#options = options;
  }

  /** If the process runs CPython, its frames are read from now on. */
  async look(tgid: number, mappings: readonly MemoryMapping[]): Promise<void> {
    const image = mappings.find(({ path }) => IMAGE.test(path));
    if (image === undefined || this.#processes.has(tgid)) return;
    const view = this.#options.view(tgid, image.path);
    const found = await findThreadStateKey(view);
    const layout = found === undefined ? undefined : CPYTHON_LAYOUTS.get(found.version);
    if (found === undefined || layout === undefined) return;
    makeRoom(this.#processes, PROCESS_LIMIT);
    this.#processes.set(tgid, { view, layout, codes: new Map() });
    const bytes = new Uint8Array(PROFILE_LAYOUT.interpreter.sizeBytes);
    encodeInterpreter(new DataView(bytes.buffer), 0, { ...layout.frames, key: found.key });
    await this.#options.write(tgid, bytes);
  }

  exited(tgid: number): void {
    this.#processes.delete(tgid);
  }

  /** At once where all of it is known, as it mostly is. undefined: what was sampled is no CPython that we know, or is gone. */
  resolve(
    tgid: number,
    frames: readonly RawFrame[],
  ): InterpreterStack | undefined | Promise<InterpreterStack | undefined> {
    const process = this.#processes.get(tgid);
    if (process === undefined) return undefined;
    const codes = frames.map(({ code }) => this.#code(process, code));
    const stack = (): InterpreterStack => ({
      type: "cpython",
      loopFunctions: LOOP_FUNCTIONS,
      frames: frames.map((frame, index) => frameOf(frame, codes[index]!, process.layout)),
    });
    return codes.every(({ isRead }) => isRead) ? stack() : Promise.all(codes.map(({ reading }) => reading)).then(stack);
  }

  #code({ codes, view, layout }: PythonProcess, address: bigint): Known {
    const nowMs = this.#options.now();
    const last = codes.get(address);
    if (last !== undefined && nowMs - last.readMs < TRUSTED_MS) return last;
    if (codes.size >= CODE_LIMIT) codes.clear();
    const known: Known = {
      readMs: nowMs,
      isRead: false,
      code: undefined,
      frames: new Map(),
      reading: Promise.resolve(),
    };
    known.reading = readCode(view, layout, Number(address))
      .catch(() => undefined)
      .then((code) => {
        known.code = code;
        known.isRead = true;
        if (code === undefined && codes.get(address) === known) codes.delete(address);
      });
    codes.set(address, known);
    return known;
  }
}

/** One object for each place in the code: samples share it. */
function frameOf({ instruction, code, isEntry }: RawFrame, known: Known, layout: CpythonLayout): InterpretedFrame {
  const offset = Math.max(Number(instruction - code) - layout.code.instructions, 0);
  const key = 2 * offset + (isEntry ? 1 : 0);
  let frame = known.frames.get(key);
  if (frame === undefined) {
    frame = describe(known.code, offset, isEntry);
    if (known.frames.size >= FRAME_LIMIT) known.frames.clear();
    known.frames.set(key, frame);
  }
  return frame;
}

function describe(code: CodeObject | undefined, offset: number, isEntry: boolean): InterpretedFrame {
  if (code === undefined) return { functionName: "[python]", fileName: undefined, lineNumber: 0, isEntry };
  const lineNumber = lineAt(code.lineTable, code.firstLine, offset);
  return { functionName: code.name, fileName: code.fileName, lineNumber: lineNumber || code.firstLine, isEntry };
}
