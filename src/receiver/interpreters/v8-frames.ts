/** Names of JavaScript frames: which function each is of is in the sample, its name is read from V8's heap. */
import { encodeScriptEngine, PROFILE_LAYOUT } from "../../bpf/layout.gen.ts";
import type { FrameLine } from "../../mapping/profile.ts";
import { readElf } from "../elf/elf-file.ts";
import type { MemoryMapping, ProcessView } from "../runtimes/process-view.ts";
import { KnownFunctions } from "./known-functions.ts";
import { ProcessFunctions } from "./process-functions.ts";
import { readV8Constants, type V8Constants } from "./v8-constants.ts";
import { type V8Function, V8Heap } from "./v8-heap.ts";

const IMAGE = /\/(?:node(?:js)?[\d.-]*|libnode\.so[\d.]*)$/;
/** One for each build of Node. */
const IMAGE_LIMIT = 1024;

interface V8FramesOptions {
  view(tgid: number, executable: string): ProcessView;
  /** Writes the map `script_engines`. */
  write(tgid: number, value: Uint8Array): Promise<unknown>;
  readonly now: () => number;
}

export class V8Frames {
  readonly #options: V8FramesOptions;
  readonly #processes = new ProcessFunctions();
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
    this.#processes.set(tgid, functionsOf(new V8Heap(view, constants), this.#options.now));
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

  /** undefined: it runs no Node. */
  functionsOf(tgid: number): KnownFunctions | undefined {
    return this.#processes.get(tgid);
  }

  #constantsOf(view: ProcessView, { path, inode }: MemoryMapping): Promise<V8Constants | undefined> {
    let constants = this.#constants.get(inode);
    if (constants === undefined) {
      if (this.#constants.size >= IMAGE_LIMIT) this.#constants.clear();
      constants = readConstants(view, path).catch(() => undefined);
      this.#constants.set(inode, constants);
      // Most likely the process has gone meanwhile.
      void constants.then((found) => found ?? this.#constants.delete(inode));
    }
    return constants;
  }
}

function functionsOf(heap: V8Heap, now: () => number): KnownFunctions {
  return new KnownFunctions(async (shared) => {
    const found = await heap.functionOf(shared);
    return found === undefined ? undefined : lineOf(found);
  }, now);
}

function lineOf({ name, fileName }: V8Function): FrameLine {
  return { functionName: name === "" ? "(anonymous)" : name, fileName, lineNumber: 0 };
}

async function readConstants(view: ProcessView, path: string): Promise<V8Constants | undefined> {
  const source = await view.file(path);
  const elf = source === undefined ? undefined : await readElf(source);
  return elf === undefined ? undefined : readV8Constants(elf);
}
