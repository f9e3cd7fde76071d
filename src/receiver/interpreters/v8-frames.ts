/** Names of JavaScript frames: which function each is of is in the sample, its name is read from V8's heap. */
import { encodeScriptEngine, PROFILE_LAYOUT } from "../../bpf/layout.gen.ts";
import type { FrameLine } from "../../mapping/profile.ts";
import type { ScriptFrame } from "../../mapping/profiles/stack-sample.ts";
import { readElf } from "../elf/elf-file.ts";
import type { MemoryMapping, ProcessView } from "../runtimes/process-view.ts";
import { readV8Constants, type V8Constants } from "./v8-constants.ts";
import { type V8Function, V8Heap } from "./v8-heap.ts";

const IMAGE = /\/(?:node(?:js)?[\d.-]*|libnode\.so[\d.]*)$/;
const PROCESS_LIMIT = 1024;
const FUNCTION_LIMIT = 20_000;
/** What lies at an address may be moved away: after so long it is read again. */
const TRUSTED_MS = 30_000;

export interface RawScriptFrame {
  /** In the user stack. */
  readonly index: number;
  /** Tagged pointer to the SharedFunctionInfo. */
  readonly shared: number;
}

interface Known {
  readonly readMs: number;
  isRead: boolean;
  /** undefined: there is no such function. */
  line: FrameLine | undefined;
  reading: Promise<void>;
}

interface V8Process {
  readonly heap: V8Heap;
  readonly functions: Map<number, Known>;
}

export interface V8FramesOptions {
  view(tgid: number, executable: string): ProcessView;
  /** Writes the map `script_engines`. */
  write(tgid: number, value: Uint8Array): Promise<unknown>;
  readonly now: () => number;
}

export class V8Frames {
  readonly #options: V8FramesOptions;
  readonly #processes = new Map<number, V8Process>();
  /** By inode. */
  readonly #constants = new Map<string, Promise<V8Constants | undefined>>();

  constructor(options: V8FramesOptions) {
    this.#options = options;
  }

  /** If the process runs Node, whose functions its frames are of is read from now on. */
  async look(tgid: number, mappings: readonly MemoryMapping[]): Promise<void> {
    const image = mappings.find(({ path }) => IMAGE.test(path));
    if (image === undefined || this.#processes.has(tgid)) return;
    const view = this.#options.view(tgid, image.path);
    const constants = await this.#constantsOf(view, image);
    if (constants === undefined || this.#processes.has(tgid)) return;
    if (this.#processes.size >= PROCESS_LIMIT) this.#processes.delete(this.#processes.keys().next().value!);
    this.#processes.set(tgid, { heap: new V8Heap(view, constants), functions: new Map() });
    const bytes = new Uint8Array(PROFILE_LAYOUT.script_engine.sizeBytes);
    encodeScriptEngine(new DataView(bytes.buffer), 0, {
      context: constants.contextBelow,
      function: constants.functionBelow,
      shared: constants.functionShared,
    });
    await this.#options.write(tgid, bytes);
  }

  exited(tgid: number): void {
    this.#processes.delete(tgid);
  }

  /** At once where all of them are known, as they mostly are. */
  resolve(tgid: number, frames: readonly RawScriptFrame[]): readonly ScriptFrame[] | Promise<readonly ScriptFrame[]> {
    const process = this.#processes.get(tgid);
    if (process === undefined) return [];
    const functions = frames.map(({ shared }) => this.#function(process, shared));
    if (functions.every(({ isRead }) => isRead)) return namedFrames(frames, functions);
    return Promise.all(functions.map(({ reading }) => reading)).then(() => namedFrames(frames, functions));
  }

  #function({ functions, heap }: V8Process, shared: number): Known {
    const nowMs = this.#options.now();
    const last = functions.get(shared);
    if (last !== undefined && nowMs - last.readMs < TRUSTED_MS) return last;
    if (functions.size >= FUNCTION_LIMIT) functions.clear();
    const known: Known = { readMs: nowMs, isRead: false, line: undefined, reading: Promise.resolve() };
    known.reading = heap
      .functionOf(shared)
      .catch(() => undefined)
      .then((found) => {
        if (found !== undefined) known.line = lineOf(found);
        known.isRead = true;
        if (found === undefined && functions.get(shared) === known) functions.delete(shared);
      });
    functions.set(shared, known);
    return known;
  }

  #constantsOf(view: ProcessView, { path, inode }: MemoryMapping): Promise<V8Constants | undefined> {
    let constants = this.#constants.get(inode);
    if (constants === undefined) {
      if (this.#constants.size >= PROCESS_LIMIT) this.#constants.clear();
      constants = readConstants(view, path).catch(() => undefined);
      this.#constants.set(inode, constants);
      // Most likely the process has gone meanwhile.
      void constants.then((found) => found ?? this.#constants.delete(inode));
    }
    return constants;
  }
}

function lineOf({ name, fileName }: V8Function): FrameLine {
  return { functionName: name === "" ? "(anonymous)" : name, fileName, lineNumber: 0 };
}

function namedFrames(frames: readonly RawScriptFrame[], functions: readonly Known[]): ScriptFrame[] {
  return frames.flatMap(({ index }, at) => {
    const line = functions[at]?.line;
    return line === undefined ? [] : [{ index, line }];
  });
}

async function readConstants(view: ProcessView, path: string): Promise<V8Constants | undefined> {
  const source = await view.file(path);
  const elf = source === undefined ? undefined : await readElf(source);
  return elf === undefined ? undefined : readV8Constants(elf);
}
