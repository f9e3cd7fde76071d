/** Names of JavaScript frames: which function each is of is in the sample, its name is read from V8's heap. */
import { encodeScriptEngine, PROFILE_LAYOUT } from "../../bpf/layout.gen.ts";
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
  readonly shared: bigint;
}

interface Known {
  readonly found: Promise<V8Function | undefined>;
  readonly readMs: number;
}

interface V8Process {
  readonly heap: V8Heap;
  readonly functions: Map<bigint, Known>;
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

  async resolve(tgid: number, frames: readonly RawScriptFrame[]): Promise<readonly ScriptFrame[]> {
    const process = this.#processes.get(tgid);
    if (process === undefined) return [];
    const found = await Promise.all(frames.map(({ shared }) => this.#function(process, shared)));
    return frames.flatMap(({ index }, at) => {
      const named = found[at];
      if (named === undefined) return [];
      const { name, fileName } = named;
      return [{ index, functionName: name === "" ? "(anonymous)" : name, fileName }];
    });
  }

  #function({ functions, heap }: V8Process, shared: bigint): Promise<V8Function | undefined> {
    const known = functions.get(shared);
    const nowMs = this.#options.now();
    if (known !== undefined && nowMs - known.readMs < TRUSTED_MS) return known.found;
    if (functions.size >= FUNCTION_LIMIT) functions.clear();
    const found = heap.functionOf(Number(shared)).catch(() => undefined);
    functions.set(shared, { found, readMs: nowMs });
    void found.then((value) => {
      if (value === undefined) functions.delete(shared);
    });
    return found;
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

async function readConstants(view: ProcessView, path: string): Promise<V8Constants | undefined> {
  const source = await view.file(path);
  const elf = source === undefined ? undefined : await readElf(source);
  return elf === undefined ? undefined : readV8Constants(elf);
}
