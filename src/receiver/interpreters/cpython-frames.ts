/** Names of CPython's frames: code objects are read from the process's memory, once while they are sampled often. */
import { encodeInterpreter, PROFILE_LAYOUT } from "../../bpf/layout.gen.ts";
import type { InterpretedFrame, InterpreterStack } from "../../mapping/profiles/stack-sample.ts";
import { u64, viewOf } from "../elf/elf-file.ts";
import { findThreadStateKey } from "../runtimes/cpython.ts";
import type { MemoryMapping, ProcessView } from "../runtimes/process-view.ts";
import { CPYTHON_LAYOUTS, type CpythonLayout } from "./cpython-layout.ts";
import { lineAt } from "./cpython-lines.ts";

const LOOP_FUNCTIONS = ["_PyEval_EvalFrameDefault"];
const MAX_TEXT_BYTES = 1024;
const MAX_LINE_TABLE_BYTES = 256 * 1024;
const CODE_LIMIT = 20_000;
const PROCESS_LIMIT = 1024;
/** Code objects come and go with their addresses: after so long one is read again. */
const TRUSTED_MS = 30_000;
const STATE_KIND_SHIFT = 2;
const STATE_COMPACT = 1 << 5;
const STATE_ASCII = 1 << 6;
const IMAGE = /\/(?:libpython3\.\d+[^/]*\.so[^/]*|python3\.\d+)$/;

export interface RawFrame {
  readonly code: bigint;
  readonly instruction: bigint;
  readonly isEntry: boolean;
}

interface CodeObject {
  readonly name: string;
  readonly fileName: string | undefined;
  readonly firstLine: number;
  readonly lineTable: Uint8Array;
  readonly readMs: number;
}

interface PythonProcess {
  readonly view: ProcessView;
  readonly layout: CpythonLayout;
  readonly codes: Map<bigint, Promise<CodeObject | undefined>>;
}

export interface CpythonFramesOptions {
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
    if (this.#processes.size >= PROCESS_LIMIT) this.#processes.delete(this.#processes.keys().next().value!);
    this.#processes.set(tgid, { view, layout, codes: new Map() });
    const bytes = new Uint8Array(PROFILE_LAYOUT.interpreter.sizeBytes);
    encodeInterpreter(new DataView(bytes.buffer), 0, { ...layout.frames, key: found.key });
    await this.#options.write(tgid, bytes);
  }

  exited(tgid: number): void {
    this.#processes.delete(tgid);
  }

  /** undefined: what was sampled is no CPython that we know, or is gone. */
  async resolve(tgid: number, frames: readonly RawFrame[]): Promise<InterpreterStack | undefined> {
    const process = this.#processes.get(tgid);
    if (process === undefined) return undefined;
    const codes = await Promise.all(frames.map(({ code }) => this.#code(process, code)));
    return {
      type: "cpython",
      loopFunctions: LOOP_FUNCTIONS,
      frames: frames.map((frame, index) => describe(frame, codes[index], process.layout)),
    };
  }

  #code({ codes, view, layout }: PythonProcess, address: bigint): Promise<CodeObject | undefined> {
    const known = codes.get(address);
    if (known !== undefined) {
      void known.then((code) => {
        if (code !== undefined && this.#options.now() - code.readMs > TRUSTED_MS) codes.delete(address);
      });
      return known;
    }
    if (codes.size >= CODE_LIMIT) codes.clear();
    const reading = readCode(view, layout, Number(address), this.#options.now()).catch(() => undefined);
    codes.set(address, reading);
    void reading.then((code) => {
      if (code === undefined) codes.delete(address);
    });
    return reading;
  }
}

function describe(frame: RawFrame, code: CodeObject | undefined, layout: CpythonLayout): InterpretedFrame {
  const { isEntry } = frame;
  if (code === undefined) return { functionName: "[python]", fileName: undefined, lineNumber: 0, isEntry };
  const offset = Number(frame.instruction - frame.code) - layout.code.instructions;
  const lineNumber = lineAt(code.lineTable, code.firstLine, Math.max(offset, 0));
  return { functionName: code.name, fileName: code.fileName, lineNumber: lineNumber || code.firstLine, isEntry };
}

async function readCode(
  view: ProcessView,
  { code, asciiData, compactData }: CpythonLayout,
  address: number,
  readMs: number,
): Promise<CodeObject | undefined> {
  const bytes = await view.memory(address, code.instructions);
  if (bytes.length < code.instructions) return undefined;
  const object = viewOf(bytes);
  const text = (at: number) => readText(view, u64(object, at), asciiData, compactData);
  const [name, fileName, lineTable] = await Promise.all([
    text(code.qualifiedName),
    text(code.fileName),
    readBytes(view, u64(object, code.lineTable)),
  ]);
  const firstLine = object.getInt32(code.firstLine, true);
  // What is no code object has no name, or lines that no file has.
  if (name === undefined || firstLine < 0 || firstLine > 10_000_000) return undefined;
  return { name, fileName, firstLine, lineTable, readMs };
}

/** A compact str (Include/cpython/unicodeobject.h): length at 16, state at 32. */
async function readText(
  view: ProcessView,
  address: number,
  asciiData: number,
  compactData: number,
): Promise<string | undefined> {
  const head = await view.memory(address, compactData + MAX_TEXT_BYTES);
  if (head.length < compactData) return undefined;
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.length);
  const length = u64(viewOf(head), 16);
  const state = bytes[32]!;
  if ((state & STATE_COMPACT) === 0 || length === 0 || length > MAX_TEXT_BYTES) return undefined;
  const kind = (state >> STATE_KIND_SHIFT) & 7;
  const data = (state & STATE_ASCII) === 0 ? compactData : asciiData;
  const text = bytes.subarray(data, data + length * kind);
  if (kind === 1) return text.toString("latin1");
  if (kind === 2) return text.subarray(0, text.length & ~1).toString("utf16le");
  return kind === 4 ? utf32(text) : undefined;
}

function utf32(bytes: Buffer): string {
  let text = "";
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const point = bytes.readUInt32LE(at);
    text += point <= 0x10ffff ? String.fromCodePoint(point) : "?";
  }
  return text;
}

/** A bytes object: length at 16, contents at 32. */
async function readBytes(view: ProcessView, address: number): Promise<Uint8Array> {
  const head = await view.memory(address, 32);
  if (head.length < 32) return new Uint8Array();
  const length = u64(viewOf(head), 16);
  return length === 0 || length > MAX_LINE_TABLE_BYTES ? new Uint8Array() : view.memory(address + 32, length);
}
