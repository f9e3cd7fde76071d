/** Where CPython keeps what a stack is read from, by minor version (x86-64; Include/internal/pycore_frame.h, cpython/code.h). */
import type { Interpreter } from "../../bpf/layout.gen.ts";

export interface CpythonLayout {
  /** For bpf/profile/interpreter.bpf.h, but the key. */
  readonly frames: Omit<Interpreter, "key">;
  /** Of PyCodeObject. */
  readonly code: {
    readonly firstLine: number;
    readonly fileName: number;
    readonly qualifiedName: number;
    readonly lineTable: number;
    /** co_code_adaptive: the instructions themselves. */
    readonly instructions: number;
  };
  /** Of the characters: in strings of ASCII alone, and in others. */
  readonly asciiData: number;
  readonly compactData: number;
}

const NONE = 0xffff;

const SHIM_FRAMES = {
  frameCode: 0,
  framePrevious: 8,
  frameInstruction: 56,
  frameOwner: 70,
  entryOwner: 3,
  entryIsFrame: 0,
};
const CODE_FIELDS = { fileName: 112, qualifiedName: 128, lineTable: 136 };

export const CPYTHON_LAYOUTS: ReadonlyMap<string, CpythonLayout> = new Map([
  [
    "3.11",
    {
      frames: {
        tstateFrame: 56,
        cframeFrame: 8,
        frameCode: 32,
        framePrevious: 48,
        frameInstruction: 56,
        frameOwner: 68,
        entryOwner: 1,
        entryIsFrame: 1,
      },
      code: { ...CODE_FIELDS, firstLine: 72, instructions: 184 },
      asciiData: 48,
      compactData: 72,
    },
  ],
  [
    "3.12",
    {
      frames: { ...SHIM_FRAMES, tstateFrame: 56, cframeFrame: 0 },
      code: { ...CODE_FIELDS, firstLine: 68, instructions: 192 },
      asciiData: 40,
      compactData: 56,
    },
  ],
  [
    "3.13",
    {
      frames: { ...SHIM_FRAMES, tstateFrame: 72, cframeFrame: NONE },
      code: { ...CODE_FIELDS, firstLine: 68, instructions: 200 },
      asciiData: 40,
      compactData: 56,
    },
  ],
]);
